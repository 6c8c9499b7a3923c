import golden from "../golden/model/golden.json" with { type: "json" };
import type { ChatMessage, JsonObject } from "../../src/model/mod.ts";
import { Tokenizer } from "../../src/model/mod.ts";

/** What Hugging Face `tokenizers` makes of a text. */
export interface GoldenEncoding {
  readonly text: string;
  readonly ids: readonly number[];
  readonly decoded: string;
  readonly withoutSpecial: string;
}

/** A tokenizer of Hugging Face `tokenizers`, and what it does. */
export interface GoldenTokenizer {
  readonly name: string;
  /** The pattern it was trained with on `GOLDEN.corpus`; null: it was not trained, but edited. */
  readonly pretokenizer: string | null;
  /** The size it was trained for. */
  readonly vocabSize: number | null;
  readonly json: JsonObject;
  readonly encodings: readonly GoldenEncoding[];
  readonly pieces: readonly {
    readonly ids: readonly number[];
    readonly decoded: string;
  }[];
}

/** A conversation as `transformers` renders it, or the error it ends in. */
export interface GoldenRendering {
  readonly template: string;
  readonly conversation: string;
  readonly variant: string;
  readonly text?: string;
  readonly error?: string;
}

/** The contents of `golden.json`, made by `tests/golden/model/make.py`. */
export const GOLDEN = golden as unknown as {
  readonly specialTokens: readonly string[];
  readonly addedTokens: readonly string[];
  readonly corpus: readonly string[];
  readonly tokenizers: readonly GoldenTokenizer[];
  readonly conversations: Readonly<Record<string, readonly ChatMessage[]>>;
  readonly variants: Readonly<
    Record<string, Readonly<Record<string, unknown>>>
  >;
  readonly renderings: readonly GoldenRendering[];
};

/** The golden tokenizer with Qwen2's pretokenizer. */
export function goldenTokenizer(): Tokenizer {
  return new Tokenizer(GOLDEN.tokenizers[0]!.json, {
    config: { eos_token: "<|im_end|>" },
  });
}
