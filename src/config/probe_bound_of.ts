import type { ServeConfig } from "./schema.ts";

/** Of the embedded engine, which computes as the trainer does; and the least of any other. */
const LEAST = 0.05;
/** Of vLLM in whatever precision, before anything is known of it. */
const MOST = 1;
/** A probe may find so many times what the first one found: it has more tokens, and other ones. */
const GROWTH = 10;

/**
 * Largest difference in nats, between a logprob at the engine and in the trainer, that is taken for rounding.
 *
 * vLLM is asked nowhere what it computes in, and that decides. Widest gaps seen, over some hundred tokens: 6e-6 with
 * vLLM 0.32 in float32; 0.27 between bfloat16 and float32 in PyTorch, on random Qwen3 of 3 to 28 layers; 0.37 on
 * Qwen2.5-0.5B (trl issue 6789) and 0.32 on Qwen3-1.7B (vllm issue 18352) between vLLM and a trainer. Weights that
 * are one update old are 0.07 to 0.23 off: seen where rounding is small, and lost in bfloat16's. So what the first
 * probe finds sets the bound of the others.
 *
 * @param first What the first probe of an engine found, which serves what it was started with, or the same
 *   again; undefined before it, or where it compared nothing.
 */
export function probeBoundOf(
  { engine }: ServeConfig,
  first?: number,
): number {
  if (engine.probe_bound !== null) return engine.probe_bound;
  if (engine.kind !== "vllm") return LEAST;
  if (first === undefined) return MOST;
  return Math.min(MOST, Math.max(LEAST, GROWTH * first));
}
