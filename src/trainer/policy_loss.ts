import type { Terms } from "../tracker/mod.ts";
import { importanceWeights } from "./_importance_weights.ts";
import type { ImportanceKind, SequenceMask } from "./_importance_weights.ts";
import { klEstimate } from "./_kl_estimate.ts";
import type { KlEstimator } from "./_kl_estimate.ts";
import { surrogateOf } from "./_surrogate.ts";
import { termRanges } from "./_term_ranges.ts";
import type { LossSums } from "./policy_metrics.ts";

/** Highest log-ratio: beyond it the ratio is infinite in float32, and 0 times it no longer 0. */
const MAX_LOG_RATIO = 80;

/** Options of `policyLoss`. */
export interface PolicyLossOptions {
  /**
   * What is maximised: the clipped ratio times the advantage (`clip`, PPO), the advantage times the
   * logprob under the capped, constant ratio (`cispo`), or under none (`reinforce`).
   *
   * @default {"clip"}
   */
  readonly surrogate?: "clip" | "cispo" | "reinforce";
  /**
   * What the ratio of new to old probability is of: each token, or all sampled tokens of the
   * episode, as their geometric mean (GSPO) or their product.
   *
   * @default {"token"}
   */
  readonly ratio?: "token" | "geometric_mean" | "product";
  /** The ratio is clipped below `1 − clipLow`. @default {0.2} */
  readonly clipLow?: number;
  /** The ratio is clipped above `1 + clipHigh`. @default {0.2} */
  readonly clipHigh?: number;
  /**
   * Cap of the ratio where the advantage is negative (dual clip, arXiv 1912.09729).
   *
   * @default {Infinity}
   */
  readonly dualClip?: number;
  /** Estimator of the divergence from the reference policy. @default {"none"} */
  readonly kl?: KlEstimator;
  /** Weight of that divergence; with 0 it is only measured. @default {0} */
  readonly klCoefficient?: number;
  /** Weight of the entropy that is rewarded. @default {0} */
  readonly entropyBonus?: number;
  /** Correction of the gap between engine and trainer. @default {"truncate"} */
  readonly importance?: ImportanceKind;
  /** Upper bound of that correction. @default {2} */
  readonly importanceCap?: number;
  /** Lower bound of that correction. @default {0} */
  readonly importanceFloor?: number;
  /** Episodes dropped as a whole, beside that correction. @default {"none"} */
  readonly sequenceMask?: SequenceMask;
  /** They are dropped where their ratio is below this. @default {0.5} */
  readonly sequenceMaskLow?: number;
  /** They are dropped where their ratio is above this. @default {2} */
  readonly sequenceMaskHigh?: number;
}

/** What the policy says of each term, `[M]`. */
export interface TermScores {
  /** Logprob of the sampled token at its temperature. */
  readonly logprob: Float32Array;
  /** Entropy of its distribution, in nats. */
  readonly entropy: Float32Array;
  /** Logprob before the first optimizer step on these terms; `logprob` itself where absent. */
  readonly oldLogprob?: Float32Array;
}

/** A loss, its derivatives and what it was made of. */
export interface PolicyLoss {
  /** To be minimised. */
  readonly loss: number;
  /** Derivative of the loss with respect to each term's logprob, `[M]`. */
  readonly logprobGradient: Float32Array;
  /** Derivative of the loss with respect to each term's entropy, `[M]`. */
  readonly entropyGradient: Float32Array;
  /** New over old probability of each term, as the loss used it, `[M]`. */
  readonly ratio: Float32Array;
  /** −1 where the ratio's lower bound stops the gradient, 1 where its upper one does, `[M]`. */
  readonly clipped: Int8Array;
  /** What metrics are made of. */
  readonly sums: LossSums;
}

/**
 * The policy loss over terms:
 * `Σ weight · (klCoefficient · KL − entropyBonus · entropy − importance · surrogate)`.
 *
 * Advantages, old logprobs and importance weights are constants. Without old logprobs the ratio is
 * 1, and has the derivative of a ratio all the same.
 */
export function policyLoss(
  terms: Terms,
  scores: TermScores,
  options: PolicyLossOptions = {},
): PolicyLoss {
  const {
    surrogate = "clip",
    ratio: ratioOf = "token",
    clipLow = 0.2,
    clipHigh = 0.2,
    dualClip = Infinity,
    kl = "none",
    klCoefficient = 0,
    entropyBonus = 0,
    importance = "truncate",
    importanceCap = 2,
    importanceFloor = 0,
    sequenceMask = "none",
    sequenceMaskLow = 0.5,
    sequenceMaskHigh = 2,
  } = options;
  const { advantage, weight, behaviourLogprob, referenceLogprob } = terms;
  const { logprob, entropy, oldLogprob = logprob } = scores;
  const M = logprob.length;
  const correction = importanceWeights(terms, oldLogprob, {
    importance,
    importanceCap,
    importanceFloor,
    sequenceMask,
    sequenceMaskLow,
    sequenceMaskHigh,
  });
  const logprobGradient = new Float64Array(M);
  const entropyGradient = new Float32Array(M);
  const ratios = new Float32Array(M);
  const clips = new Int8Array(M);
  const sums: LossSums = {
    terms: M,
    loss: 0,
    entropy: 0,
    ...(kl !== "none" && { kl: 0 }),
    ratio: 0,
    ratioMin: Infinity,
    ratioMax: -Infinity,
    clippedLow: 0,
    clippedHigh: 0,
    gap: 0,
    gapMax: 0,
    truncated: correction.truncated,
    masked: correction.masked,
  };

  const level = ratioOf === "token" ? "token" : "episode";
  for (const [from, to] of termRanges(terms, level)) {
    const power = ratioOf === "geometric_mean" ? 1 / (to - from) : 1;
    let difference = 0;
    for (let term = from; term < to; term++) {
      difference += logprob[term]! - oldLogprob[term]!;
    }
    const ratio = Math.exp(Math.min(difference * power, MAX_LOG_RATIO));
    let ratioGradient = 0;
    for (let term = from; term < to; term++) {
      const share = weight[term]! * correction.weights[term]!;
      const { value, ratioSlope, logprobSlope, clipped } = surrogateOf(
        { ratio, advantage: advantage[term]!, logprob: logprob[term]! },
        { surrogate, clipLow, clipHigh, dualClip },
      );
      sums.loss -= share * value;
      ratioGradient -= share * ratioSlope;
      logprobGradient[term]! -= share * logprobSlope;
      if (clipped === "low") sums.clippedLow++;
      if (clipped === "high") sums.clippedHigh++;
      clips[term] = clipped === undefined ? 0 : clipped === "low" ? -1 : 1;
    }
    ratios.fill(ratio, from, to);
    for (let term = from; term < to; term++) {
      logprobGradient[term]! += ratioGradient * ratio * power;
    }
    sums.ratio += ratio * (to - from);
    sums.ratioMin = Math.min(sums.ratioMin, ratio);
    sums.ratioMax = Math.max(sums.ratioMax, ratio);
  }

  for (let term = 0; term < M; term++) {
    const share = weight[term]!;
    if (kl !== "none") {
      const { value, slope } = klEstimate(
        kl,
        referenceLogprob[term]! - logprob[term]!,
      );
      sums.kl! += value;
      sums.loss += share * klCoefficient * value;
      logprobGradient[term]! += share * klCoefficient * slope;
    }
    sums.entropy += entropy[term]!;
    sums.loss -= share * entropyBonus * entropy[term]!;
    entropyGradient[term] = -share * entropyBonus;
    const gap = Math.abs(oldLogprob[term]! - behaviourLogprob[term]!);
    sums.gap += gap;
    sums.gapMax = Math.max(sums.gapMax, gap);
  }
  return {
    loss: sums.loss,
    logprobGradient: Float32Array.from(logprobGradient),
    entropyGradient,
    ratio: ratios,
    clipped: clips,
    sums,
  };
}
