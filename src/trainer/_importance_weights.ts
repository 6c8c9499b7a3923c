import type { Terms } from "../tracker/mod.ts";
import { termRanges } from "./_term_ranges.ts";

/**
 * How the gap between the engine that sampled and the trainer is corrected, by the ratio of their
 * probabilities: cut off at a cap (`truncate`), or dropped beyond it (`mask`); of each token, or of
 * the episode as a whole.
 */
export type ImportanceKind =
  | "none"
  | "truncate"
  | "mask"
  | "episode_truncate"
  | "episode_mask";

/**
 * Which episodes are dropped as a whole: those where the geometric mean, or the product, of the ratios
 * of their tokens is out of bounds.
 */
export type SequenceMask = "none" | "geometric_mean" | "product";

/** Options of `importanceWeights`. */
export interface ImportanceOptions {
  readonly importance: ImportanceKind;
  readonly importanceCap: number;
  readonly importanceFloor: number;
  readonly sequenceMask: SequenceMask;
  readonly sequenceMaskLow: number;
  readonly sequenceMaskHigh: number;
}

/** Constant factors of the policy terms, `[M]`, and how many of them were cut off, or dropped. */
export interface ImportanceWeights {
  readonly weights: Float64Array;
  readonly truncated: number;
  readonly masked: number;
}

/** What became of a term's weight. */
const CUT_OFF = 1;
const DROPPED = 2;

/**
 * Truncated importance sampling (Ionides, 2008): the factor `π_old(token) / π_engine(token)`, kept
 * within bounds. Behind it the gap may be rounding, or versions that came between.
 */
export function importanceWeights(
  terms: Terms,
  oldLogprob: Float32Array,
  options: ImportanceOptions,
): ImportanceWeights {
  const { importance, importanceCap: cap, importanceFloor: floor } = options;
  const { sequenceMask, sequenceMaskLow: low, sequenceMaskHigh: high } =
    options;
  const gapOf = (from: number, to: number) => {
    let gap = 0;
    for (let term = from; term < to; term++) {
      gap += oldLogprob[term]! - terms.behaviourLogprob[term]!;
    }
    return gap;
  };
  const weights = new Float64Array(oldLogprob.length).fill(1);
  const fate = new Uint8Array(oldLogprob.length);

  if (importance !== "none") {
    const whole = importance.startsWith("episode");
    const masks = importance.endsWith("mask");
    for (const [from, to] of termRanges(terms, whole ? "episode" : "token")) {
      const ratio = Math.exp(gapOf(from, to));
      const kept = ratio >= floor && ratio <= cap;
      const bounded = masks ? 0 : Math.min(cap, Math.max(floor, ratio));
      weights.fill(kept ? ratio : bounded, from, to);
      if (!kept) fate.fill(masks ? DROPPED : CUT_OFF, from, to);
    }
  }
  if (sequenceMask !== "none") {
    for (const [from, to] of termRanges(terms, "episode")) {
      const power = sequenceMask === "geometric_mean" ? 1 / (to - from) : 1;
      const ratio = Math.exp(gapOf(from, to) * power);
      if (ratio >= low && ratio <= high) continue;
      weights.fill(0, from, to);
      fate.fill(DROPPED, from, to);
    }
  }
  const count = (of: number) => fate.filter((each) => each === of).length;
  return { weights, truncated: count(CUT_OFF), masked: count(DROPPED) };
}
