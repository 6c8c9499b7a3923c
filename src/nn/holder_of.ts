import type { Weights } from "./linear.ts";
import type { Parameters } from "./parameters.ts";

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
