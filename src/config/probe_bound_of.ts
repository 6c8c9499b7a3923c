import type { ServeConfig } from "./schema.ts";

/** Largest difference in nats, between a logprob at the engine and in the trainer, that is taken for rounding. */
export function probeBoundOf({ engine }: ServeConfig): number {
  return engine.probe_bound ?? (engine.kind === "vllm" ? 0.5 : 0.05);
}
