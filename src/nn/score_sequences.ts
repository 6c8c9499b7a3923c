import type { TreeInput, TreeScores } from "./policy.ts";
import { UserError } from "../errors.ts";

/**
 * Logprob of every token of plain sequences given those before it, at temperature 1.
 *
 * @param forward Scores one batch of at most `maxNodes` tokens.
 * @returns One array per sequence; entry 0 is NaN.
 */
export async function scoreSequences(
  sequences: readonly (readonly number[])[],
  forward: (input: TreeInput) => Promise<TreeScores>,
  maxNodes: number,
): Promise<Float32Array[]> {
  const results: Float32Array[] = [];
  for (let first = 0; first < sequences.length;) {
    let last = first;
    let total = 0;
    while (
      last < sequences.length && total + sequences[last]!.length <= maxNodes
    ) {
      total += sequences[last++]!.length;
    }
    if (last === first) {
      throw new UserError(
        `A sequence of ${
          sequences[first]!.length
        } tokens exceeds the ${maxNodes} of train.max_nodes`,
      );
    }
    results.push(
      ...await scoreForest(sequences.slice(first, last), total, forward),
    );
    first = last;
  }
  return results;
}

async function scoreForest(
  sequences: readonly (readonly number[])[],
  total: number,
  forward: (input: TreeInput) => Promise<TreeScores>,
): Promise<Float32Array[]> {
  const tokens = new Uint32Array(total);
  const positions = new Uint32Array(total);
  const parents = new Int32Array(total);
  const visibleUntil = new Uint32Array(total);
  const targets: number[] = [];
  let at = 0;
  for (const sequence of sequences) {
    const end = at + sequence.length;
    sequence.forEach((token, position) => {
      tokens[at] = token;
      positions[at] = position;
      parents[at] = position === 0 ? -1 : at - 1;
      visibleUntil[at] = end;
      if (position > 0) targets.push(at);
      at++;
    });
  }
  const { logprob } = await forward({
    tokens,
    positions,
    parents,
    visibleUntil,
    targets: Uint32Array.from(targets),
    temperature: new Float32Array(targets.length).fill(1),
  });
  let next = 0;
  return sequences.map((sequence) => {
    const scores = new Float32Array(sequence.length).fill(NaN);
    for (let i = 1; i < sequence.length; i++) scores[i] = logprob[next++]!;
    return scores;
  });
}
