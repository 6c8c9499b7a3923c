import { NO_NODE } from "./_trie.ts";
import type { Normalisation } from "./build_batch.ts";
import type { TokenTree } from "./token_tree.ts";
import type { Recorded } from "./types.ts";

/** The denominators of a step's weights, over every episode that counts in it. */
export interface Totals {
  readonly episodes: number;
  /** Trainable sampled tokens. */
  readonly tokens: number;
  /** Timelines with at least one trainable sampled token. */
  readonly timelines: number;
}

/** The calls of an episode that yield loss terms. */
export function trainableCalls(tree: TokenTree): readonly Recorded[] {
  return tree.calls.filter((call) =>
    call.untrainable === undefined && call.sampledLength > 0
  );
}

/** Sums what the weights divide by. */
export function totals(trees: readonly TokenTree[]): Totals {
  let tokens = 0;
  let timelines = 0;
  for (const tree of trees) {
    tokens += sampledTokens(trainableCalls(tree));
    timelines += timelineEnds(tree, trainedAbove(tree)).length;
  }
  return { episodes: trees.length, tokens, timelines };
}

/** The weight of each node's terms in one episode, as a function of the call that sampled it. */
export function weights(
  tree: TokenTree,
  totals: Totals,
  options: {
    readonly normalisation: Normalisation;
    readonly constantLength: number;
  },
): (call: Recorded, node: number) => number {
  const calls = trainableCalls(tree);
  switch (options.normalisation) {
    case "episode": {
      const weight = 1 / (totals.episodes * sampledTokens(calls));
      return () => weight;
    }
    case "agent": {
      const agents = Map.groupBy(calls, (call) => call.agent);
      const share = 1 / (totals.episodes * agents.size);
      const weight = new Map(
        [...agents].map(([agent, own]) => [agent, share / sampledTokens(own)]),
      );
      return (call) => weight.get(call.agent)!;
    }
    case "token": {
      const weight = 1 / totals.tokens;
      return () => weight;
    }
    case "constant": {
      const weight = 1 / (totals.episodes * options.constantLength);
      return () => weight;
    }
    case "sequence": {
      const weight = timelineWeights(tree, totals.timelines);
      return (_, node) => weight[node]!;
    }
    default:
      return options.normalisation satisfies never;
  }
}

function sampledTokens(calls: readonly Recorded[]): number {
  return calls.reduce((sum, call) => sum + call.sampledLength, 0);
}

/** Trainable sampled nodes from the root to each node, itself included, `[size]`. */
function trainedAbove(tree: TokenTree): Uint32Array {
  const { parents } = tree;
  const count = new Uint32Array(tree.size);
  for (const call of trainableCalls(tree)) {
    for (const node of tree.sampledNodes(call)) count[node] = 1;
  }
  for (let node = 0; node < count.length; node++) {
    if (parents[node] !== NO_NODE) count[node]! += count[parents[node]!]!;
  }
  return count;
}

/** Leaf of each timeline that holds a trained token; identical samples end one timeline each. */
function timelineEnds(tree: TokenTree, trained: Uint32Array): number[] {
  const continued = new Uint8Array(tree.size);
  for (const parent of tree.parents) {
    if (parent !== NO_NODE) continued[parent] = 1;
  }
  return tree.calls.map((call) => call.leaf)
    .filter((leaf) =>
      leaf !== NO_NODE && !continued[leaf] && trained[leaf]! > 0
    );
}

/**
 * Every timeline weighs the same and spreads its weight evenly over its trained tokens. A node on
 * several timelines collects from each; the terms of a node share what it collected, so that a
 * repeated sample weighs as much as it would unrolled.
 */
function timelineWeights(tree: TokenTree, timelines: number): Float64Array {
  const { parents } = tree;
  const trained = trainedAbove(tree);
  const weight = new Float64Array(tree.size);
  for (const leaf of timelineEnds(tree, trained)) {
    weight[leaf]! += 1 / (timelines * trained[leaf]!);
  }
  for (let node = weight.length - 1; node >= 0; node--) {
    if (parents[node] !== NO_NODE) weight[parents[node]!]! += weight[node]!;
  }
  const samples = new Uint32Array(tree.size);
  for (const call of trainableCalls(tree)) {
    for (const node of tree.sampledNodes(call)) samples[node]!++;
  }
  return weight.map((sum, node) => sum / Math.max(1, samples[node]!));
}
