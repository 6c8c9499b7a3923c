import type { Episode } from "../../rollout/mod.ts";
import type { Recorded, TokenTree } from "../../tracker/mod.ts";
import type { CallScores, FindScores } from "./types.ts";

/** What tables show of an episode, and sort and filter by, under the names of its columns. */
export interface EpisodeSummary {
  readonly advantage: number | null;
  /** Names of its agents, in order of their first call. */
  readonly agents: readonly string[];
  readonly calls: number;
  /** Distinct tokens. */
  readonly nodes: number;
  /** Tokens of all calls, shared ones counted with each. */
  readonly unrolled: number;
  readonly sampled: number;
  readonly branches: number;
  readonly untrainable: number;
  /** Calls that ended at their length limit. */
  readonly cut: number;
  /** Tokens whose gradient was stopped by a bound of the ratio. */
  readonly clipped: number;
  readonly logprob_min: number | null;
  readonly logprob_mean: number | null;
  /** Largest |trainer − engine logprob|. */
  readonly gap_max: number | null;
  readonly gap_mean: number | null;
  readonly version_min: number | null;
  readonly version_max: number | null;
}

/** Sums up an episode; numbers that nothing is known for are null. */
export function summarise(
  { id, tree }: Episode,
  findScores: FindScores,
): EpisodeSummary {
  const { calls } = tree;
  const logprobs = new Range();
  const gaps = new Range();
  const versions = new Range();
  let advantage: number | null = null;
  let clipped = 0;
  for (const call of calls) {
    call.logprobs.forEach((logprob) => logprobs.add(logprob));
    versions.add(call.policyVersion);
    const scores = findScores(id, call.id);
    if (scores === undefined) continue;
    advantage ??= scores.advantage[0] ?? null;
    addGaps(call, scores, gaps);
    for (const side of scores.clipped) clipped += Math.abs(side);
  }
  return {
    advantage,
    agents: [...new Set(calls.map(({ agent }) => agent))],
    calls: calls.length,
    nodes: tree.size,
    unrolled: total(tree, (call) => call.promptLength + call.sampledLength),
    sampled: total(tree, (call) => call.sampledLength),
    branches: total(tree, (call) => Number(call.branch !== undefined)),
    untrainable: total(tree, (call) => Number(call.untrainable !== undefined)),
    cut: total(tree, (call) => Number(call.finishReason === "length")),
    clipped,
    logprob_min: logprobs.min,
    logprob_mean: logprobs.mean,
    gap_max: gaps.max,
    gap_mean: gaps.mean,
    version_min: versions.min,
    version_max: versions.max,
  };
}

function total(tree: TokenTree, count: (call: Recorded) => number): number {
  return tree.calls.reduce((sum, call) => sum + count(call), 0);
}

function addGaps(call: Recorded, scores: CallScores, gaps: Range): void {
  scores.trainer.forEach((logprob, at) => {
    gaps.add(Math.abs(logprob - call.logprobs[at]!));
  });
}

/** Least, greatest and mean of the finite numbers it is given; null before the first. */
class Range {
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  add(value: number): void {
    if (!Number.isFinite(value)) return;
    this.#count++;
    this.#sum += value;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
  }

  get min(): number | null {
    return this.#count === 0 ? null : this.#min;
  }

  get max(): number | null {
    return this.#count === 0 ? null : this.#max;
  }

  get mean(): number | null {
    return this.#count === 0 ? null : this.#sum / this.#count;
  }
}
