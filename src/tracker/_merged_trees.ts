import { NO_NODE, Trie } from "./_trie.ts";
import { trainableCalls } from "./_weights.ts";
import type { TokenTree } from "./token_tree.ts";
import type { CallTerms, Recorded, TreeBatch } from "./types.ts";

/** An episode on its way into a batch. */
export interface MergeEpisode {
  readonly id: string;
  readonly tree: TokenTree;
  readonly advantage: number;
  readonly weight: (call: Recorded, node: number) => number;
}

/** An episode and where its nodes stand in the merged trie. */
interface Placed {
  readonly episode: MergeEpisode;
  /** Merged node of each node of the episode's tree; −1 where no term needs it. */
  readonly nodes: Int32Array;
}

/** Episodes merged into one micro-batch of at most `maxNodes` distinct nodes. */
export class MergedTrees {
  readonly #trie = new Trie();
  readonly #placed: Placed[] = [];

  /** @param maxNodes Most nodes the micro-batch may hold. */
  constructor(readonly maxNodes: number) {}

  /** Adds all the episodes, or, where they do not fit, none of them. */
  add(episodes: readonly MergeEpisode[]): boolean {
    const size = this.#trie.size;
    const placed: Placed[] = [];
    for (const episode of episodes) {
      placed.push({ episode, nodes: this.#merge(episode.tree) });
      if (this.#trie.size > this.maxNodes) {
        this.#trie.truncate(size);
        return false;
      }
    }
    this.#placed.push(...placed);
    return true;
  }

  /** The merged trees in depth-first order, siblings by token id, with one term for each sample. */
  toBatch(): TreeBatch {
    const { indices, sizes } = depthFirst(this.#trie);
    const trie = { tokens: this.#trie.tokens, parents: this.#trie.parents };
    const N = this.#trie.size;
    const tokens = new Uint32Array(N);
    const positions = new Uint32Array(N);
    const parents = new Int32Array(N);
    const visibleUntil = new Uint32Array(N);
    trie.parents.forEach((above, node) => {
      const index = indices[node]!;
      const parent = above === NO_NODE ? NO_NODE : indices[above]!;
      tokens[index] = trie.tokens[node]!;
      parents[index] = parent;
      positions[index] = parent === NO_NODE ? 0 : positions[parent]! + 1;
      visibleUntil[index] = index + sizes[node]!;
    });
    return {
      tokens,
      positions,
      parents,
      visibleUntil,
      ...this.#terms(indices),
      episodes: this.#placed.map(({ episode }) => episode.id),
    };
  }

  /** Merges what an episode's terms need of its tree. */
  #merge(tree: TokenTree): Int32Array {
    const { tokens, parents } = tree;
    const needed = neededNodes(tree);
    const nodes = new Int32Array(tree.size).fill(NO_NODE);
    for (let node = 0; node < tree.size; node++) {
      if (!needed[node]) continue;
      const parent = parents[node]!;
      const above = parent === NO_NODE ? NO_NODE : nodes[parent]!;
      const token = tokens[node]!;
      const found = this.#trie.find(above, token);
      nodes[node] = found === NO_NODE ? this.#trie.add(above, token) : found;
    }
    return nodes;
  }

  #terms(indices: Uint32Array): Pick<TreeBatch, "terms" | "calls"> {
    const M = this.#placed.reduce(
      (sum, { episode }) =>
        sum + trainableCalls(episode.tree).reduce(
          (count, call) => count + call.sampledLength,
          0,
        ),
      0,
    );
    const terms = {
      node: new Uint32Array(M),
      episode: new Uint32Array(M),
      advantage: new Float32Array(M),
      behaviourLogprob: new Float32Array(M),
      referenceLogprob: new Float32Array(M).fill(NaN),
      weight: new Float32Array(M),
      temperature: new Float32Array(M),
    };
    const stretches: CallTerms[] = [];
    let term = 0;
    this.#placed.forEach(({ episode, nodes }, index) => {
      const { tree, advantage, weight } = episode;
      const at = (node: number) => indices[nodes[node]!]!;
      const calls = trainableCalls(tree).toSorted((a, b) =>
        at(a.leaf) - at(b.leaf) || compareSamples(a, b)
      );
      for (const call of calls) {
        const to = term + call.sampledLength;
        stretches.push({ episode: episode.id, call: call.id, from: term, to });
        tree.sampledNodes(call).forEach((node, sample) => {
          terms.node[term] = at(node);
          terms.episode[term] = index;
          terms.advantage[term] = advantage;
          terms.behaviourLogprob[term] = call.logprobs[sample]!;
          terms.weight[term] = weight(call, node);
          terms.temperature[term] = call.temperature;
          term++;
        });
      }
    });
    return { terms, calls: stretches };
  }
}

/** 1 for each node that a term needs: trainable sampled tokens and what led to them, `[size]`. */
export function neededNodes(tree: TokenTree): Uint8Array {
  const { parents } = tree;
  const needed = new Uint8Array(tree.size);
  for (const call of trainableCalls(tree)) needed[call.leaf] = 1;
  for (let node = tree.size - 1; node >= 0; node--) {
    if (needed[node] && parents[node] !== NO_NODE) needed[parents[node]!] = 1;
  }
  return needed;
}

/** Orders calls that end at one node by what they hold, never by when they came. */
function compareSamples(a: Recorded, b: Recorded): number {
  let order = a.sampledLength - b.sampledLength ||
    a.temperature - b.temperature ||
    Number(a.agent > b.agent) - Number(a.agent < b.agent);
  for (let at = 0; order === 0 && at < a.logprobs.length; at++) {
    order = a.logprobs[at]! - b.logprobs[at]!;
  }
  return order;
}

/** Depth-first index of each node, siblings by token id, and the size of its subtree. */
function depthFirst(
  trie: Trie,
): { readonly indices: Uint32Array; readonly sizes: Uint32Array } {
  const { size, tokens, parents } = trie;
  const sizes = new Uint32Array(size).fill(1);
  for (let node = size - 1; node >= 0; node--) {
    if (parents[node] !== NO_NODE) sizes[parents[node]!]! += sizes[node]!;
  }
  // Nodes that the subtrees of earlier siblings put before each node; 0 for an only child.
  const offsets = new Uint32Array(size);
  const families = Map.groupBy(
    trie.otherChildren(),
    (node) => parents[node]!,
  );
  for (const [parent, others] of families) {
    const siblings = [trie.firstChild(parent), ...others]
      .sort((a, b) => tokens[a]! - tokens[b]!);
    let offset = 0;
    for (const sibling of siblings) {
      offsets[sibling] = offset;
      offset += sizes[sibling]!;
    }
  }
  const indices = new Uint32Array(size);
  for (let node = 0; node < size; node++) { // parents come first
    const parent = parents[node]!;
    const before = parent === NO_NODE ? 0 : indices[parent]! + 1;
    indices[node] = before + offsets[node]!;
  }
  return { indices, sizes };
}
