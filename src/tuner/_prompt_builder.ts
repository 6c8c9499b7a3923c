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

  /** Token ids of `text`. */
  encode(text: string): readonly number[] {
    return this.#cache.get(text, (text) => this.#tokenizer.encode(text));
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

  /** Identity of the prompt so far. */
  key(): string {
    return this.#hash.after(this.#encoder.encode(this.#text)).key;
  }

  #flush(): void {
    if (this.#text === "") return;
    this.#push(this.#encoder.encode(this.#text));
    this.#text = "";
  }

  #push(ids: readonly number[]): void {
    for (const id of ids) this.tokens.push(id);
    this.#hash = this.#hash.after(ids);
  }
}
