import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

/**
 * Turns token ids into text as they arrive, holding back the bytes of an unfinished character.
 *
 * What `push` and `end` return, put together, equals `Tokenizer.decode` of all ids.
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecialTokens: boolean;
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  /** Starts with no text held back. */
  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = options.skipSpecialTokens ?? false;
  }

  /**
   * Takes the next ids and returns the text they complete, perhaps none.
   *
   * @throws {RangeError} If an id is not a natural number.
   */
  push(ids: readonly number[]): string {
    let text = "";
    for (const id of ids) {
      if (this.#skipSpecialTokens && this.#tokenizer.isSpecial(id)) continue;
      text += this.#utf8.decode(this.#tokenizer.tokenBytes(id), {
        stream: true,
      });
    }
    return text;
  }

  /** Returns what was held back, an unfinished character as U+FFFD; the decoder starts afresh. */
  end(): string {
    return this.#utf8.decode();
  }
}
