import { UserError } from "../errors.ts";
import type { TreeInput } from "./policy.ts";
import { roundUp } from "./shape.ts";

/** The wanted logprobs, arranged for the kernels: rows of hidden states, and targets within rows. */
export interface TargetPlan {
  /** Distinct (parent, temperature) pairs, R of them. */
  readonly rows: number;
  /** Wanted logprobs, P of them. */
  readonly count: number;
  /** Position of each row's hidden state, rising, `[Rp]` (R rounded up to 64; the padding repeats row 0). */
  readonly index: Uint32Array;
  /** `[Rp]` */
  readonly inverseTemperature: Float32Array;
  /** (row, token id) of each target, sorted by row, `[P, 2]`. */
  readonly targets: Uint32Array;
  /** Targets `rowTargets[r] … rowTargets[r + 1]` belong to row r, `[Rp + 1]`. */
  readonly rowTargets: Uint32Array;
  /** Place of each sorted target among the caller's, `[P]`. */
  readonly order: Uint32Array;
}

/**
 * Sorts targets by the row they are read from, so that a distribution is computed once however many
 * episodes and branches want something of it.
 *
 * @throws {UserError} If a target is a root, which nothing predicts.
 */
export function planTargets(input: TreeInput): TargetPlan {
  const { targets, temperature, parents, tokens } = input;
  const order = Uint32Array.from(targets, (_, i) => i).sort((a, b) =>
    parents[targets[a]!]! - parents[targets[b]!]! ||
    temperature[a]! - temperature[b]! || a - b
  );
  const index: number[] = [];
  const inverse: number[] = [];
  const starts: number[] = [];
  const pairs = new Uint32Array(targets.length * 2);
  let parent = -2;
  let warmth = NaN;
  order.forEach((place, i) => {
    const node = targets[place]!;
    if (parents[node]! < 0) {
      throw new UserError(`Node ${node} is a root: nothing predicts it`);
    }
    if (parents[node] !== parent || temperature[place] !== warmth) {
      parent = parents[node]!;
      warmth = temperature[place]!;
      index.push(parent);
      // Temperature 0 is greedy decoding; its logprobs are those of temperature 1.
      inverse.push(warmth > 0 ? 1 / warmth : 1);
      starts.push(i);
    }
    pairs[2 * i] = index.length - 1;
    pairs[2 * i + 1] = tokens[node]!;
  });
  const padded = roundUp(Math.max(1, index.length), 64);
  const rowTargets = new Uint32Array(padded + 1).fill(targets.length);
  rowTargets.set(starts);
  const padding = new Array<number>(padded - index.length);
  return {
    rows: index.length,
    count: targets.length,
    index: Uint32Array.from([...index, ...padding.fill(index[0] ?? 0)]),
    inverseTemperature: Float32Array.from([...inverse, ...padding.fill(1)]),
    targets: pairs,
    rowTargets,
    order,
  };
}
