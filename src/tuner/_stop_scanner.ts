/** Finds the first stop text in a text that arrives in pieces. */
export class StopScanner {
  readonly #stops: readonly string[];
  /** The end of what has arrived, which may begin a stop text. */
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /**
   * Takes the next text.
   *
   * @returns The text that is certain to stand before any stop text, and whether one was completed;
   *   nothing that follows it is of interest.
   */
  push(text: string): { readonly text: string; readonly stopped: boolean } {
    const all = this.#held + text;
    const at = this.#firstStop(all);
    const length = at ?? all.length - this.#openLength(all);
    this.#held = at === undefined ? all.slice(length) : "";
    return { text: all.slice(0, length), stopped: at !== undefined };
  }

  /** Ends the text; returns what was held back. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #firstStop(text: string): number | undefined {
    let first: number | undefined;
    for (const stop of this.#stops) {
      const at = text.indexOf(stop);
      if (at >= 0 && (first === undefined || at < first)) first = at;
    }
    return first;
  }

  /** Length of the longest end of `text` that begins a stop text. */
  #openLength(text: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      for (
        let length = Math.min(stop.length - 1, text.length);
        length > longest;
        length--
      ) {
        if (text.endsWith(stop.slice(0, length))) longest = length;
      }
    }
    return longest;
  }
}
