import type { TreeInput } from "../../src/nn/policy.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";

/** Trees of tokens in depth-first order. */
export type Forest = Pick<
  TreeInput,
  "tokens" | "positions" | "parents" | "visibleUntil"
>;

/** A random forest: mostly long paths, with branches at any depth and now and then a new root. */
export function randomForest(
  name: string,
  nodes: number,
  vocabSize: number,
): Forest {
  const turns = hashed(`${name}.turns`, nodes);
  const depths = hashed(`${name}.depths`, nodes);
  const path: number[] = [];
  const parents = new Int32Array(nodes);
  for (let node = 0; node < nodes; node++) {
    if (turns[node]! > 0.6) {
      path.length = Math.floor((depths[node]! + 1) / 2 * path.length);
    }
    parents[node] = path.at(-1) ?? -1;
    path.push(node);
  }
  return forestOf(parents, hashedIntegers(`${name}.ids`, nodes, vocabSize));
}

/** The forest of given parents, which must stand in depth-first order. */
export function forestOf(parents: Int32Array, tokens: Uint32Array): Forest {
  const N = parents.length;
  const positions = new Uint32Array(N);
  const visibleUntil = new Uint32Array(N);
  for (let node = 0; node < N; node++) {
    const parent = parents[node]!;
    positions[node] = parent < 0 ? 0 : positions[parent]! + 1;
    visibleUntil[node] = node + 1;
  }
  for (let node = N - 1; node >= 0; node--) {
    const parent = parents[node]!;
    if (parent >= 0) {
      visibleUntil[parent] = Math.max(
        visibleUntil[parent]!,
        visibleUntil[node]!,
      );
    }
  }
  return { tokens, positions, parents, visibleUntil };
}

/** The nodes from a node's root to itself. */
export function pathTo(parents: Int32Array, node: number): number[] {
  const path: number[] = [];
  for (let at = node; at >= 0; at = parents[at]!) path.unshift(at);
  return path;
}
