const NEWLINE = 10;

/**
 * Finds the data of server-sent events in the bytes of a stream.
 *
 * Events of one line of data are all that these servers send; comments and other fields are skipped.
 */
export class EventSplitter {
  readonly #utf8 = new TextDecoder();
  /** The beginning of a line that has not ended. */
  #open: Uint8Array[] = [];

  /** Takes the next bytes; returns the data of the events that they complete. */
  push(bytes: Uint8Array): string[] {
    const end = bytes.lastIndexOf(NEWLINE) + 1;
    // Whole lines have whole characters: no decoder has to be kept between pieces, which is dear.
    const lines = end === 0 ? "" : this.#decode(bytes.subarray(0, end));
    if (end < bytes.length) this.#open.push(bytes.slice(end));
    return lines.split("\n").filter((line) => line.startsWith("data:"))
      .map((line) => line.slice("data:".length).trim());
  }

  #decode(bytes: Uint8Array): string {
    if (this.#open.length === 0) return this.#utf8.decode(bytes);
    const parts = [...this.#open, bytes];
    this.#open = [];
    const whole = new Uint8Array(
      parts.reduce((sum, { length }) => sum + length, 0),
    );
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return this.#utf8.decode(whole);
  }
}
