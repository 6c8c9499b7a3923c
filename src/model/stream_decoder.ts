import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

/**
 * Turns token ids into text as they arrive, holding back the bytes of an unfinished character.
 *
 * What `push` and `end` return, put together, equals `Tokenizer.decode` of all ids.
 */
export class StreamDecoder {
  readonly #tokenizer: Tokenizer;
  readonly #skipSpecialTokens: boolean;
  #utf8: TextDecoder | undefined;
  /** Whether bytes may be held back. */
  #isOpen = false;
  readonly #continues: boolean;
  /** Whether no token of the text has come yet. */
  #isFirst: boolean;

  /** Starts with no text held back. */
  constructor(tokenizer: Tokenizer, options: DecodeOptions = {}) {
    this.#tokenizer = tokenizer;
    this.#skipSpecialTokens = options.skipSpecialTokens ?? false;
    this.#continues = options.continues ?? false;
    this.#isFirst = !this.#continues;
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
      const whole = this.#isFirst
        ? this.#opening(id)
        : this.#tokenizer.wholeText(id);
      text += whole === undefined || this.#isOpen
        ? this.#decode(id, whole)
        : whole;
    }
    return text;
  }

  /** Returns what was held back, an unfinished character as U+FFFD; the decoder starts afresh. */
  end(): string {
    this.#isFirst = !this.#continues;
    if (!this.#isOpen) return "";
    this.#isOpen = false;
    return this.#utf8!.decode();
  }

  #opening(id: number): string | undefined {
    // A padding id, which stands for nothing, begins no text.
    if (this.#tokenizer.tokenBytes(id).length > 0) this.#isFirst = false;
    return this.#tokenizer.openingText(id);
  }

  #decode(id: number, whole: string | undefined): string {
    this.#utf8 ??= new TextDecoder("utf-8", { ignoreBOM: true });
    // Whole characters end whatever was held back, and no bytes leave it as it is.
    if (whole !== "") this.#isOpen = whole === undefined;
    const bytes = this.#tokenizer.tokenBytes(id);
    return this.#utf8.decode(bytes, { stream: true });
  }
}
