import type { Weights } from "./linear.ts";
import type { Parameters } from "./parameters.ts";

/** A fused tensor, and where it lies. */
export interface Held {
  readonly key: string;
  /** Says whether it is trained. */
  readonly holder: Parameters;
}

/**
 * Where a fused tensor such as `final_norm` or `3.q_norm` lies: with the adapter where that has one of its own, else with
 * the base. Whether it is trained is its holder's to say.
 */
export function holderOf(
  { base, adapter }: Weights,
  key: string,
): Parameters {
  return adapter?.parameters.has(key) ? adapter.parameters : base;
}

/** The head: a matrix of its own, or the embedding's. */
export function headOf({ base, adapter }: Weights): Held {
  if (adapter?.parameters.has("head")) {
    return { key: "head", holder: adapter.parameters };
  }
  if (base.has("head")) return { key: "head", holder: base };
  // An embedding that is trained apart from the head leaves the base its own for that.
  const holder = base.has("embed") ? base : adapter!.parameters;
  return { key: "embed", holder };
}
