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
   * @returns The text that is certain to stand before any stop text, and the stop text that was
   *   completed, if one was; nothing that follows it is of interest.
   */
  push(text: string): { readonly text: string; readonly stop?: string } {
    if (this.#stops.length === 0) return { text };
    const all = this.#held + text;
    const first = this.#firstStop(all);
    if (first !== undefined) {
      this.#held = "";
      return { text: all.slice(0, first.at), stop: first.stop };
    }
    const length = all.length - this.#openLength(all);
    this.#held = all.slice(length);
    return { text: all.slice(0, length) };
  }

  /** Ends the text; returns what was held back. */
  end(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  #firstStop(
    text: string,
  ): { readonly at: number; readonly stop: string } | undefined {
    const found = this.#stops
      .map((stop) => ({ at: text.indexOf(stop), stop }))
      .filter(({ at }) => at >= 0);
    return found.sort((a, b) => a.at - b.at)[0];
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
