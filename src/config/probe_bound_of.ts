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
 * What a vLLM server computes in decides, and it need not say. Widest gaps seen over some 300 tokens, vLLM 0.32 on a CPU
 * and a small trained Qwen3: in float32 1e-6 to 2e-5; in bfloat16 0.03 to 0.22, and 0.16 in the first probe. Larger
 * models, in half precision: 0.37 on Qwen2.5-0.5B (trl issue 6789), 0.32 on Qwen3-1.7B (vllm issue 18352). Weights
 * that are one update old: 0.07 to 0.23 with LoRA, 0.4 to 1.4 with all weights; that shows in float32 alone. Adapters
 * of two agents taken for one another, after one update: 0.2 to 1.9 in float32, at learning rates from 1e-4 to 5e-3; in
 * bfloat16 2 to 4 from 1e-3 on, and at 1e-4 no more than its rounding. So what the first probe finds sets the bound of
 * the others.
 *
 * @param first What the first probe of the run's engine found; undefined before it, or where it compared nothing.
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
