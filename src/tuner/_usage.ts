import type { ChatCompletion } from "./chat_completion.ts";

/** Tokens of a completion: those of its prompt, and those sampled in all its replies. */
export function usageOf(
  completion: ChatCompletion,
): { readonly prompt: number; readonly sampled: number } {
  const { promptTokens, choices, sampledTokens } = completion;
  const sampled = sampledTokens ??
    choices.reduce((sum, { tokens }) => sum + tokens.length, 0);
  return { prompt: promptTokens, sampled };
}
