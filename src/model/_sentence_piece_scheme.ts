import {
  type AddedToken,
  AddedTokenSplitter,
  spaceAfter,
} from "./_added_tokens.ts";
import { BpeEncoder } from "./_bpe_encoder.ts";
import type { JsonObject } from "./_files.ts";
import {
  type SentencePieceLayout,
  sentencePieceLayout,
  SPACE_MARK,
} from "./_sentence_piece_layout.ts";
import type { Before, TokenScheme } from "./_token_scheme.ts";

/**
 * BPE over characters with bytes for those that are not in the vocabulary, as of Llama 2 and Mistral 7B.
 *
 * Spaces are written as marks, and a text is given one more before it, or each of its parts between added tokens; so the
 * ids of a text depend on what it follows.
 *
 * @throws {ModelError} If a part of the tokenizer is not supported.
 */
export function sentencePieceScheme(
  json: JsonObject,
  { added, source }: {
    readonly added: readonly AddedToken[];
    readonly source: string;
  },
): TokenScheme {
  const layout = sentencePieceLayout(json, source);
  const encoder = new SentencePieceEncoder(layout, {
    added,
    model: new BpeEncoder(json.model as JsonObject, source),
  });
  return {
    encode: (text, before) => encoder.encode(text, before),
    placeAfter(before) {
      if (before === undefined) return "start";
      if (before === "text") return "text";
      return `token${before.normalized ? " normalized" : ""}${
        before.rstrip ? " rstrip" : ""
      }`;
    },
    bytesOf(token, added) {
      // A token that is looked for in the normalized text takes in the mark before it.
      const written = added?.normalized
        ? normalize(token, undefined, layout)
        : token;
      return bytesOf(written, layout);
    },
    openingOf(token, whole) {
      if (layout.drops === "marks") {
        return token.replaceAll(SPACE_MARK, "");
      }
      return layout.drops === "space" && whole.startsWith(" ")
        ? whole.slice(1)
        : whole;
    },
  };
}

const UTF8 = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-Fa-f]{2})>$/;

function bytesOf(token: string, layout: SentencePieceLayout): Uint8Array {
  const byte = layout.hasByteTokens ? BYTE_TOKEN.exec(token)?.[1] : undefined;
  return byte === undefined
    ? UTF8.encode(token.replaceAll(SPACE_MARK, " "))
    : Uint8Array.of(parseInt(byte, 16));
}

function normalize(
  text: string,
  before: Before,
  { prepends, replaces }: SentencePieceLayout,
): string {
  // Tokens that are found in the normalized text stand within a part that has its mark already.
  const begins = before !== "text" && !before?.normalized;
  const whole = prepends && begins ? SPACE_MARK + text : text;
  return replaces ? whole.replaceAll(" ", SPACE_MARK) : whole;
}

class SentencePieceEncoder {
  readonly #layout: SentencePieceLayout;
  readonly #model: BpeEncoder;
  /** Finds added tokens in a text as it came. */
  readonly #raw: AddedTokenSplitter;
  /** Finds added tokens in a normalized text. */
  readonly #normalized: AddedTokenSplitter;

  constructor(
    layout: SentencePieceLayout,
    { added, model }: {
      readonly added: readonly AddedToken[];
      readonly model: BpeEncoder;
    },
  ) {
    this.#layout = layout;
    this.#model = model;
    this.#raw = new AddedTokenSplitter(
      added.filter(({ normalized }) => !normalized)
        .map((token) => [token.content, token]),
    );
    this.#normalized = new AddedTokenSplitter(
      added.filter(({ normalized }) => normalized)
        .map((token) => [normalize(token.content, undefined, layout), token]),
    );
  }

  encode(text: string, before: Before): number[] {
    const ids: number[] = [];
    const strips = typeof before === "object" && before.rstrip;
    const rest = strips ? text.slice(spaceAfter(text, 0)) : text;
    let last = before;
    for (const section of this.#raw.split(rest)) {
      if (typeof section === "string") {
        this.#encodeSection(section, last, ids);
        last = "text";
      } else {
        ids.push(section.id);
        last = section;
      }
    }
    return ids;
  }

  /** Encodes a text between two added tokens, but for those that are looked for in the normalized text. */
  #encodeSection(text: string, before: Before, ids: number[]): void {
    let last = before;
    for (
      const section of this.#normalized.split(
        normalize(text, before, this.#layout),
      )
    ) {
      if (typeof section === "string") {
        this.#encodePiece(section, last, ids);
        last = "text";
      } else {
        ids.push(section.id);
        last = section;
      }
    }
  }

  #encodePiece(text: string, before: Before, ids: number[]): void {
    const { metaspace } = this.#layout;
    if (metaspace === undefined) return this.#model.encode(text, ids);
    const marked = text.replaceAll(" ", SPACE_MARK);
    const { scheme, split } = metaspace;
    const begins = scheme === "always"
      ? before !== "text"
      : scheme === "first" && before === undefined;
    const whole = begins && !marked.startsWith(SPACE_MARK)
      ? SPACE_MARK + marked
      : marked;
    if (!split) return this.#model.encode(whole, ids);
    for (const [word] of whole.matchAll(WORD)) this.#model.encode(word, ids);
  }
}

/** A mark with what follows it up to the next, or what stands before the first. */
const WORD = new RegExp(
  `${SPACE_MARK}[^${SPACE_MARK}]*|[^${SPACE_MARK}]+`,
  "g",
);
