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

/** Options of `importanceWeights`. */
export interface ImportanceOptions {
  readonly importance: ImportanceKind;
  readonly importanceCap: number;
  readonly importanceFloor: number;
}

/** Constant factors of the policy terms, `[M]`, and how many of them were cut off or dropped. */
export interface ImportanceWeights {
  readonly weights: Float64Array;
  readonly truncated: number;
}

/**
 * Truncated importance sampling (Ionides, 2008): the factor `π_old(token) / π_engine(token)`, kept
 * within bounds.
 */
export function importanceWeights(
  terms: Terms,
  oldLogprob: Float32Array,
  options: ImportanceOptions,
): ImportanceWeights {
  const { importance, importanceCap: cap, importanceFloor: floor } = options;
  const weights = new Float64Array(oldLogprob.length).fill(1);
  if (importance === "none") return { weights, truncated: 0 };
  const whole = importance.startsWith("episode");
  const masks = importance.endsWith("mask");

  let truncated = 0;
  for (const [from, to] of termRanges(terms, whole ? "episode" : "token")) {
    let gap = 0;
    for (let term = from; term < to; term++) {
      gap += oldLogprob[term]! - terms.behaviourLogprob[term]!;
    }
    const ratio = Math.exp(gap);
    const kept = ratio >= floor && ratio <= cap;
    if (!kept) truncated += to - from;
    const bounded = masks ? 0 : Math.min(cap, Math.max(floor, ratio));
    weights.fill(kept ? ratio : bounded, from, to);
  }
  return { weights, truncated };
}
