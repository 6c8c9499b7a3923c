/** How a ratio is kept within bounds; the fields are those of `PolicyLossOptions`. */
export interface SurrogateOptions {
  readonly surrogate: "clip" | "cispo" | "reinforce";
  readonly clipLow: number;
  readonly clipHigh: number;
  readonly dualClip: number;
}

/** What a term is worth, to be maximised, and its derivatives. */
export interface Surrogate {
  readonly value: number;
  /** Derivative with respect to the ratio. */
  readonly ratioSlope: number;
  /** Derivative with respect to the logprob, beside that through the ratio. */
  readonly logprobSlope: number;
  /** The bound that stops the gradient or caps it, if one does. */
  readonly clipped?: "low" | "high";
}

/**
 * The surrogate objective of one term.
 *
 * `clip` is `min(r·A, clip(r)·A)` (PPO, arXiv 1707.06347), and where `A < 0` at least
 * `dualClip · A` (arXiv 1912.09729); `cispo` is `min(r, 1 + clipHigh)·A·logprob` with a constant
 * factor (arXiv 2506.13585); `reinforce` is `A·logprob`.
 */
export function surrogateOf(
  term: {
    readonly ratio: number;
    readonly advantage: number;
    readonly logprob: number;
  },
  options: SurrogateOptions,
): Surrogate {
  const { ratio, advantage: A, logprob } = term;
  const low = 1 - options.clipLow;
  const high = 1 + options.clipHigh;
  switch (options.surrogate) {
    case "clip":
      if (A > 0 && ratio > high) return constant(high * A, "high");
      if (A < 0 && ratio < low) return constant(low * A, "low");
      if (A < 0 && ratio > options.dualClip) {
        return constant(options.dualClip * A, "high");
      }
      return { value: ratio * A, ratioSlope: A, logprobSlope: 0 };
    case "cispo": {
      const slope = Math.min(ratio, high) * A;
      return {
        value: slope * logprob,
        ratioSlope: 0,
        logprobSlope: slope,
        ...(ratio > high && { clipped: "high" }),
      };
    }
    case "reinforce":
      return { value: A * logprob, ratioSlope: 0, logprobSlope: A };
    default:
      return options.surrogate satisfies never;
  }
}

function constant(value: number, clipped: "low" | "high"): Surrogate {
  return { value, ratioSlope: 0, logprobSlope: 0, clipped };
}
