/** What a loss was made of, as sums over its terms, so that micro-batches can be added up. */
export interface LossSums {
  /** Loss terms. */
  terms: number;
  /** Share of the step's loss. */
  loss: number;
  /** Nats. */
  entropy: number;
  /** Estimates of the divergence from the reference; absent where it was not measured. */
  kl?: number;
  /** New over old probability. */
  ratio: number;
  /** Smallest of them. */
  ratioMin: number;
  /** Largest of them. */
  ratioMax: number;
  /** Terms without gradient since their ratio is too low. */
  clippedLow: number;
  /** Terms whose ratio is above its upper bound. */
  clippedHigh: number;
  /** |old − behaviour logprob|. */
  gap: number;
  /** Largest of them. */
  gapMax: number;
  /** Terms whose importance weight was cut off at a bound. */
  truncated: number;
  /** Terms dropped since their importance weight, or their episode's ratio, was out of bounds. */
  masked: number;
}

/** What is reported of an update's losses; means are over terms. */
export interface PolicyMetrics {
  /** Mean over optimizer steps. */
  readonly loss: number;
  /** Nats per sampled token. */
  readonly entropy: number;
  /** Divergence from the reference, nats per sampled token; absent where it was not measured. */
  readonly kl?: number;
  /** New over old probability, as the loss used it. */
  readonly ratioMean: number;
  /** Smallest of them. */
  readonly ratioMin: number;
  /** Largest of them. */
  readonly ratioMax: number;
  /** Share of terms without gradient since the ratio is below its lower bound. */
  readonly clipFractionLow: number;
  /** Share of terms whose ratio is above its upper bound. */
  readonly clipFractionHigh: number;
  /** Mean absolute difference of the trainer's and the engine's logprobs, before the update. */
  readonly logprobGapMean: number;
  /** Largest of them. */
  readonly logprobGapMax: number;
  /** Share of terms whose importance weight was cut off at a bound. */
  readonly truncatedFraction: number;
  /** Share of terms dropped since their importance weight, or their episode's ratio, was out of bounds. */
  readonly maskedFraction: number;
}

/** Averages the sums of all micro-batches of `steps` optimizer steps; there is at least one term. */
export function policyMetrics(
  all: readonly LossSums[],
  steps: number,
): PolicyMetrics {
  const total = (key: keyof LossSums) =>
    all.reduce((sum, sums) => sum + (sums[key] ?? 0), 0);
  const terms = total("terms");
  const mean = (key: keyof LossSums) => total(key) / terms;
  return {
    loss: total("loss") / steps,
    entropy: mean("entropy"),
    ...(all.some(({ kl }) => kl !== undefined) && { kl: mean("kl") }),
    ratioMean: mean("ratio"),
    ratioMin: Math.min(...all.map(({ ratioMin }) => ratioMin)),
    ratioMax: Math.max(...all.map(({ ratioMax }) => ratioMax)),
    clipFractionLow: mean("clippedLow"),
    clipFractionHigh: mean("clippedHigh"),
    logprobGapMean: mean("gap"),
    logprobGapMax: Math.max(...all.map(({ gapMax }) => gapMax)),
    truncatedFraction: mean("truncated"),
    maskedFraction: mean("masked"),
  };
}
