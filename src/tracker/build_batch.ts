import { MergedTrees, neededNodes } from "./_merged_trees.ts";
import type { MergeEpisode } from "./_merged_trees.ts";
import { totals, trainableCalls, weights } from "./_weights.ts";
import type { TokenTree } from "./token_tree.ts";
import type { TreeBatch } from "./types.ts";

/**
 * What every term's weight is divided by, so that a step's weights sum to at most 1:
 *
 * - `episode`: every episode weighs the same, however many timelines or agents it left;
 * - `agent`: as `episode`, and within an episode every agent weighs the same;
 * - `sequence`: every timeline weighs the same;
 * - `token`: every sampled token weighs the same;
 * - `constant`: every token weighs 1 / (episodes · `constantLength`) (Dr.GRPO, arXiv 2503.20783).
 */
export type Normalisation =
  | "episode"
  | "agent"
  | "sequence"
  | "token"
  | "constant";

/** One episode of a step. */
export interface BatchEpisode {
  /** Names it in `TreeBatch.episodes` and `Batch.tooLong`. */
  readonly id: string;
  /** Its calls. */
  readonly tree: TokenTree;
  /** Advantage of every sampled token of the episode. */
  readonly advantage: number;
}

/** The episodes of one task. */
export interface BatchGroup {
  /** In the order that the batch keeps. */
  readonly episodes: readonly BatchEpisode[];
  /**
   * Leaves the group out of the arrays, since it has no gradient; its episodes still count in the
   * weights of the others.
   *
   * @default {false}
   */
  readonly skip?: boolean;
}

/** Options of `buildBatch`. */
export interface BuildBatchOptions {
  /** Most nodes of a micro-batch. */
  readonly maxNodes: number;
  /** What weights are divided by. @default {"episode"} */
  readonly normalisation?: Normalisation;
  /** Tokens of an episode under the `constant` normalisation. @default {1024} */
  readonly constantLength?: number;
}

/** All that one optimizer step computes on. */
export interface Batch {
  /** Micro-batches; their gradients are summed. */
  readonly batches: readonly TreeBatch[];
  /** Prompt and sampled tokens of every trained call: what a trainer without trees would compute. */
  readonly tokensSeen: number;
  /** Nodes of all micro-batches: what the trees leave to compute. */
  readonly tokensComputed: number;
  /** Episodes left out because they alone exceed `maxNodes`. */
  readonly tooLong: readonly { readonly id: string; readonly nodes: number }[];
}

/**
 * Merges the token trees of a step into micro-batches, each shared prefix once, one loss term for
 * each sampled token of each episode.
 *
 * A group stays in one micro-batch where it fits, and is split between episodes where it does not.
 * The result depends on the order of `groups` and `episodes`, never on the order in which an
 * episode's calls were recorded.
 */
export function buildBatch(
  groups: readonly BatchGroup[],
  options: BuildBatchOptions,
): Batch {
  const { maxNodes, normalisation = "episode", constantLength = 1024 } =
    options;
  const step = totals(
    groups.flatMap(({ episodes }) => episodes.map(({ tree }) => tree)),
  );
  const merged: MergedTrees[] = [];
  const tooLong: { id: string; nodes: number }[] = [];
  let tokensSeen = 0;

  /** Adds episodes to the open micro-batch, else to a new one; false where they fit in neither. */
  function place(episodes: readonly MergeEpisode[]): boolean {
    if (merged.at(-1)?.add(episodes)) return true;
    const fresh = new MergedTrees(maxNodes);
    if (!fresh.add(episodes)) return false;
    merged.push(fresh);
    return true;
  }

  for (const group of groups) {
    if (group.skip) continue;
    const episodes = group.episodes
      .filter(({ tree }) => trainableCalls(tree).length > 0)
      .map((episode) => ({
        ...episode,
        weight: weights(episode.tree, step, { normalisation, constantLength }),
      }));
    const whole = episodes.length === 0 || place(episodes);
    for (const episode of episodes) {
      if (whole || place([episode])) {
        tokensSeen += callTokens(episode.tree);
      } else {
        tooLong.push({ id: episode.id, nodes: neededCount(episode.tree) });
      }
    }
  }
  const batches = merged.map((trees) => trees.toBatch());
  const tokensComputed = batches.reduce(
    (sum, { tokens }) => sum + tokens.length,
    0,
  );
  return { batches, tokensSeen, tokensComputed, tooLong };
}

function callTokens(tree: TokenTree): number {
  return trainableCalls(tree).reduce(
    (sum, call) => sum + call.promptLength + call.sampledLength,
    0,
  );
}

function neededCount(tree: TokenTree): number {
  return neededNodes(tree).reduce((sum, needed) => sum + needed, 0);
}
