import type { TreeInput } from "../nn/mod.ts";
import type { TreeBatch } from "../tracker/mod.ts";

/** A batch as the policy runs it: terms of one node and temperature share one target. */
export interface ForwardTargets {
  readonly input: TreeInput;
  /** Index of each term's target, `[M]`. */
  readonly targetOf: Uint32Array;
}

/** Finds the distinct targets, `[P]`, that a batch's terms, `[M]`, ask for. */
export function forwardTargets(batch: TreeBatch): ForwardTargets {
  const { node, temperature } = batch.terms;
  const targets: number[] = [];
  const temperatures: number[] = [];
  const found = new Map<number, Map<number, number>>();
  const targetOf = Uint32Array.from(node, (at, term) => {
    const divisor = temperature[term]!;
    let byNode = found.get(divisor);
    if (byNode === undefined) found.set(divisor, byNode = new Map());
    let target = byNode.get(at);
    if (target === undefined) {
      byNode.set(at, target = targets.length);
      targets.push(at);
      temperatures.push(divisor);
    }
    return target;
  });
  const { tokens, positions, parents, visibleUntil } = batch;
  return {
    input: {
      tokens,
      positions,
      parents,
      visibleUntil,
      targets: Uint32Array.from(targets),
      temperature: Float32Array.from(temperatures),
    },
    targetOf,
  };
}

/** Hands each term the value of its target: `[P]` to `[M]`. */
export function toTerms(
  values: Float32Array,
  targetOf: Uint32Array,
): Float32Array {
  return Float32Array.from(targetOf, (target) => values[target]!);
}

/** Sums what the terms of each target hold: `[M]` to `[P]`. */
export function toTargets(
  values: Float32Array,
  { input, targetOf }: ForwardTargets,
): Float32Array {
  const sums = new Float64Array(input.targets.length);
  targetOf.forEach((target, term) => sums[target]! += values[term]!);
  return Float32Array.from(sums);
}
