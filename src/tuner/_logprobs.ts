import type { Tokenizer } from "../model/mod.ts";
import type { JsonBody } from "./_dialect.ts";
import type { ChatChoice } from "./chat_completion.ts";

/** Logprobs of sampled tokens in OpenAI's form; empty where the tokens' texts are not to be had. */
export function logprobsOf(
  sampled: Pick<ChatChoice, "tokens" | "logprobs">,
  tokenizer: Tokenizer | undefined,
): JsonBody[] {
  if (tokenizer === undefined) return [];
  return sampled.tokens.map((id, at) => ({
    token: tokenizer.decode([id], { continues: true }),
    logprob: sampled.logprobs[at] ?? null,
    bytes: Array.from(tokenizer.tokenBytes(id)),
    top_logprobs: [],
  }));
}
