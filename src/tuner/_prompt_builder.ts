import type { Tokenizer } from "../model/mod.ts";
import { LruCache } from "./_lru_cache.ts";
import { TokenHash } from "./_token_hash.ts";

/** Memory for texts whose tokens are kept at hand. */
const CACHE_BYTES = 32 * 1024 * 1024;

/** Encodes texts, remembering those used last: a conversation repeats its history at each turn. */
export class PieceEncoder {
  readonly #cache: LruCache<readonly number[]>;
  readonly #tokenizer: Tokenizer;

  constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer;
    this.#cache = new LruCache({
      capacity: CACHE_BYTES,
      sizeOf: (text, ids) => text.length + 8 * ids.length,
    });
  }

  /** Token ids of `text` where it follows the token `after`, if it follows any. */
  encode(text: string, after: number | undefined): readonly number[] {
    const place = this.#tokenizer.placeAfter(after);
    return this.#cache.get(
      `${place}\n${text}`,
      () => this.#tokenizer.encode(text, { after }),
    );
  }
}

/** A prompt under construction: text to be encoded, and ids to be taken as they are. */
export class PromptBuilder {
  readonly tokens: number[] = [];
  readonly #encoder: PieceEncoder;
  #hash = TokenHash.empty;
  /** Text not encoded yet: it goes through the tokenizer in one piece, as if rendered at once. */
  #text = "";

  constructor(encoder: PieceEncoder) {
    this.#encoder = encoder;
  }

  /** Appends text. */
  addText(text: string): void {
    this.#text += text;
  }

  /** Appends ids. */
  addTokens(ids: readonly number[]): void {
    this.#flush();
    this.#push(ids);
  }

  /** Appends text that is encoded by itself; returns its ids. */
  addPiece(text: string): readonly number[] {
    this.#flush();
    const ids = this.#encode(text);
    this.#push(ids);
    return ids;
  }

  /** Identity of the prompt so far, or with `more` text. */
  key(more = ""): string {
    return this.#hash.after(this.#encode(this.#text + more)).key;
  }

  #encode(text: string): readonly number[] {
    return text === "" ? [] : this.#encoder.encode(text, this.tokens.at(-1));
  }

  #flush(): void {
    this.#push(this.#encode(this.#text));
    this.#text = "";
  }

  #push(ids: readonly number[]): void {
    for (const id of ids) this.tokens.push(id);
    this.#hash = this.#hash.after(ids);
  }
}
