/** Estimators of KL(policy ‖ reference) from sampled tokens (Schulman, 2020). */
export type KlEstimator = "none" | "k1" | "k2" | "k3";

/**
 * The estimate from one token and its derivative with respect to the policy's logprob.
 *
 * With `d = reference − policy`: k1 is `−d`, k2 is `d² / 2`, k3 is `exp(d) − d − 1`.
 */
export function klEstimate(
  estimator: KlEstimator,
  difference: number,
): { readonly value: number; readonly slope: number } {
  switch (estimator) {
    case "none":
      return { value: 0, slope: 0 };
    case "k1":
      return { value: -difference, slope: 1 };
    case "k2":
      return { value: difference ** 2 / 2, slope: -difference };
    case "k3":
      return {
        value: Math.expm1(difference) - difference,
        slope: -Math.expm1(difference),
      };
    default:
      return estimator satisfies never;
  }
}
