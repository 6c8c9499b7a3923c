import type { Sampling } from "../engine.ts";
import type { Server } from "./_server.ts";

/**
 * What a server's logprobs are logprobs of:
 *
 * - `raw`: the softmax of the logits, whatever the temperature (vLLM's default);
 * - `processed`: what the token was drawn from, after temperature, top-k, top-p and min-p;
 * - `scaled`: the softmax of the logits / temperature, as `Generation` wants it (ASTuner's server).
 */
export type LogprobsMode = "raw" | "processed" | "scaled";

/** A token whose logprob is closer to 0 than this is too certain to tell anything. */
const CERTAIN = 1e-3;
/** Two computations of the same logprob, one perhaps in half precision, differ by less. */
const SAME = 2e-2;
const MOST_PROMPTS = 8;

/** How one prompt's likeliest token is scored. */
export interface ScoredTop {
  /** Its logprob when it is sampled at temperature 2 with top-k 1. */
  readonly sampled: number;
  /** Its logprob as part of a prompt, at temperature 1. */
  readonly scored: number;
}

/** Tells the mode from what a server says of a token; undefined where the token is too certain. */
export function modeOf(
  { sampled, scored }: ScoredTop,
): LogprobsMode | undefined {
  if (scored > -CERTAIN) return undefined;
  if (sampled > -CERTAIN) return "processed";
  return Math.abs(sampled - scored) < SAME ? "raw" : "scaled";
}

/** Finds out a server's mode by prompts of one token, the first that tell; vLLM's default if none does. */
export async function detectLogprobsMode(
  server: Server,
  scoreTop: (prompt: readonly number[]) => Promise<ScoredTop>,
): Promise<LogprobsMode> {
  for (let id = 1; id <= MOST_PROMPTS; id++) {
    const top = await scoreTop([id]);
    if (top.sampled > 0 || top.scored > 0) {
      throw server.error(
        "refused",
        `returns logits in place of logprobs: start it with --logprobs-mode processed_logprobs`,
      );
    }
    const mode = modeOf(top);
    if (mode !== undefined) return mode;
  }
  return "raw";
}

/**
 * Why logprobs of `mode` are not those of the softmax of logits / temperature over the whole
 * vocabulary, and what to do about it; undefined where they are.
 */
export function wrongLogprobs(
  mode: LogprobsMode,
  { temperature, topK, topP, minP }: Omit<
    Sampling,
    "seed" | "maxTokens" | "stopTokens"
  >,
): string | undefined {
  const truncated = topK > 0 || topP < 1 || minP > 0;
  const tempered = temperature !== 1 && temperature !== 0;
  if (mode === "processed" && truncated) {
    return "the server's logprobs are those after top-k, top-p or min-p" +
      (tempered
        ? ": leave these off, or sample at temperature 1 and start vLLM with --logprobs-mode raw_logprobs"
        : ": start vLLM with --logprobs-mode raw_logprobs, or leave these off");
  }
  if (mode === "raw" && tempered) {
    return `the server's logprobs are those of temperature 1, and the tokens were sampled at ${temperature}` +
      (truncated
        ? ": sample at temperature 1"
        : ": start vLLM with --logprobs-mode processed_logprobs, or sample at temperature 1");
  }
  return undefined;
}
