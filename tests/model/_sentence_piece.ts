import golden from "../golden/sentence_piece/golden.json" with { type: "json" };
import instruct from "../golden/sentence_piece/instruct.jinja" with {
  type: "text",
};
import spaced from "../golden/sentence_piece/spaced.jinja" with {
  type: "text",
};
import tools from "../golden/sentence_piece/tools.jinja" with { type: "text" };
import turns from "../golden/sentence_piece/turns.jinja" with { type: "text" };
import type { ChatMessage, JsonObject } from "../../src/model/mod.ts";
import { Tokenizer } from "../../src/model/mod.ts";
import type { GoldenEncoding } from "./_golden.ts";

/** A conversation as `transformers` writes and encodes it whole. */
export interface GoldenConversation {
  readonly template: string;
  readonly turns: readonly {
    /** Ids up to the assistant's reply. */
    readonly prompt: readonly number[];
    /** Ids of the reply, up to its end. */
    readonly reply: readonly number[];
  }[];
}

/** A tokenizer of the SentencePiece kind, and what Hugging Face makes of texts with it. */
export interface GoldenSentencePiece {
  readonly name: string;
  readonly json: JsonObject;
  readonly encodings: readonly GoldenEncoding[];
  /** Text of ids that follow a prompt, as vLLM's detokenizer gives it. */
  readonly continuations: readonly {
    readonly prompt: readonly number[];
    readonly ids: readonly number[];
    readonly text: string;
  }[];
  readonly conversations: readonly GoldenConversation[];
}

const { vocab, merges } = golden;

/** The contents of `golden.json`, made by `tests/golden/sentence_piece/make.py`. */
export const SENTENCE_PIECES: readonly GoldenSentencePiece[] =
  (golden.tokenizers as unknown as GoldenSentencePiece[]).map((one) => ({
    ...one,
    json: {
      ...one.json,
      model: { ...one.json.model as JsonObject, vocab, merges },
    },
  }));

/** Messages of the golden conversations, by the template. */
export const CONVERSATIONS = golden.messages as unknown as Readonly<
  Record<string, readonly ChatMessage[]>
>;

/** Their tools. */
export const TOOLS: readonly unknown[] = golden.tools;

/** Their templates' texts. */
export const TEMPLATES: Readonly<Record<string, string>> = {
  "instruct.jinja": instruct,
  "spaced.jinja": spaced,
  "tools.jinja": tools,
  "turns.jinja": turns,
};

/** A golden tokenizer of the SentencePiece kind. */
export function sentencePiece(name: string): Tokenizer {
  const { json } = SENTENCE_PIECES.find((one) => one.name === name)!;
  return new Tokenizer(json, { config: { eos_token: "</s>" } });
}
