import type { Config } from "./schema.ts";

/** Times that a step may draw new tasks in place of groups without spread; dapo does so unasked. */
export function refillsOf({ rollout, train }: Config): number {
  return rollout.refills ?? (train.algorithm.name === "dapo" ? 3 : 0);
}
