import type { AddedToken } from "./_added_tokens.ts";

/** What a text that is to be encoded follows: an added token, another one, or nothing. */
export type Before = AddedToken | "text" | undefined;

/** How one kind of tokenizer turns text into ids, and how its tokens write text. */
export interface TokenScheme {
  /** Token ids of a text without lone surrogates that follows something. */
  encode(text: string, before: Before): number[];
  /** Tells apart what a text can follow, as far as its ids depend on it. */
  placeAfter(before: Before): string;
  /** Bytes that a token stands for, which may be an added one. */
  bytesOf(token: string, added: AddedToken | undefined): Uint8Array;
  /** Text of a token that opens a text; `whole` is its text elsewhere. */
  openingOf(token: string, whole: string): string;
}
