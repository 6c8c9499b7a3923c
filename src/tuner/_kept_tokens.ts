import type { Tokenizer } from "../model/mod.ts";
import type { SampleCut } from "./_sample_memory.ts";

/**
 * How many of a sample's ids can be used again where only `text`, a beginning of their text, is to
 * remain, and what of it they do not cover.
 */
export function keptTokens(
  tokens: readonly number[],
  options: { readonly tokenizer: Tokenizer; readonly text: string },
): Omit<SampleCut, "why"> {
  const { tokenizer, text } = options;
  for (let kept = tokens.length; kept > 0; kept--) {
    const covered = tokenizer.decode(tokens.slice(0, kept));
    if (text.startsWith(covered)) {
      return { kept, rest: text.slice(covered.length) };
    }
  }
  return { kept: 0, rest: text };
}
