import { TokenTree } from "../../src/tracker/mod.ts";
import type { BatchGroup, TreeBatch } from "../../src/tracker/mod.ts";
import { buildBatch } from "../../src/tracker/mod.ts";
import { advantages } from "../../src/trainer/mod.ts";
import type { Algorithm } from "../../src/trainer/mod.ts";

/** Groups of one-call episodes, by what the engine and the judge said of them. */
export interface Sequences {
  readonly groupSize: number;
  /** Sampled tokens of each episode. */
  readonly lengths: readonly number[];
  /** Of each episode. */
  readonly rewards: readonly number[];
  /** Of all sampled tokens, episode by episode. */
  readonly behaviourLogprob: readonly number[];
}

/** The batch that the algorithm makes of the sequences; no two share a token. */
export function batchOf(
  sequences: Sequences,
  algorithm: Algorithm,
): TreeBatch {
  const { groupSize, lengths, rewards, behaviourLogprob } = sequences;
  let from = 0;
  const trees = lengths.map((length, episode) => {
    const tree = new TokenTree();
    tree.record({
      id: "call",
      agent: "default",
      prompt: [episode],
      tokens: Array.from({ length }, (_, at) => at),
      logprobs: behaviourLogprob.slice(from, from += length),
      temperature: 1,
      finishReason: "stop",
      policyVersion: 0,
    });
    return tree;
  });
  const starts = lengths.map((_, episode) => episode)
    .filter((episode) => episode % groupSize === 0);
  const compared = advantages(
    starts.map((start) => rewards.slice(start, start + groupSize)),
    algorithm,
  );
  const groups: BatchGroup[] = compared.map(({ advantages }, group) => ({
    episodes: advantages.map((advantage, index) => ({
      id: `${group}/${index}`,
      tree: trees[group * groupSize + index]!,
      advantage,
    })),
  }));
  return buildBatch(groups, { ...algorithm, maxNodes: 1e6 }).batches[0]!;
}
