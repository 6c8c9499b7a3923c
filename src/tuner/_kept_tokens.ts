import type { Tokenizer } from "../model/mod.ts";
import type { SampleCut } from "./_sample_memory.ts";

/** What a sample is to be cut to. */
export interface KeptTokensOptions {
  readonly tokenizer: Tokenizer;
  /** Whether the sample goes on from a text. */
  readonly continues: boolean;
  /** A beginning of the sample's text. */
  readonly text: string;
}

/**
 * How many of a sample's ids can be used again where only `text`, a beginning of their text, is to
 * remain, and what of it they do not cover.
 */
export function keptTokens(
  tokens: readonly number[],
  { tokenizer, continues, text }: KeptTokensOptions,
): Omit<SampleCut, "why"> {
  for (let kept = tokens.length; kept > 0; kept--) {
    const covered = tokenizer.decode(tokens.slice(0, kept), { continues });
    if (text.startsWith(covered)) {
      return { kept, rest: text.slice(covered.length) };
    }
  }
  return { kept: 0, rest: text };
}
