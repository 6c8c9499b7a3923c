/**
 * Ends a request, by its own `abort` or with `source`, until it is disposed of.
 *
 * A signal given to fetch does not do alone: it has been seen (Deno 2.9.6) that, now and then, a body went on being
 * read after the signal was aborted. So bodies are read by {@linkcode Ending.read}, which cancels them itself.
 */
export class Ending implements Disposable {
  readonly #controller = new AbortController();
  readonly #source: AbortSignal | undefined;
  readonly #onAbort = () => this.abort();

  constructor(source?: AbortSignal) {
    this.#source = source;
    if (source?.aborted) this.abort();
    source?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** For fetch, until the answer's body is there. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Ends the request. */
  abort(): void {
    this.#controller.abort();
  }

  /**
   * The pieces of a body, decoded; leaving the loop early cancels it too.
   *
   * @throws {DOMException} An `AbortError`, if the request is ended.
   */
  async *read(body: ReadableStream<Uint8Array> | null): AsyncGenerator<string> {
    if (body === null) return;
    const utf8 = new TextDecoder();
    const reader = body.getReader();
    // A cancelled reader's pending read resolves as if the body had ended.
    const cancel = () => void reader.cancel().catch(() => {});
    this.signal.addEventListener("abort", cancel, { once: true });
    try {
      for (;;) {
        this.signal.throwIfAborted();
        const { done, value } = await reader.read();
        if (done) break;
        yield utf8.decode(value, { stream: true });
      }
      this.signal.throwIfAborted();
    } finally {
      this.signal.removeEventListener("abort", cancel);
      cancel();
    }
  }

  [Symbol.dispose](): void {
    this.#source?.removeEventListener("abort", this.#onAbort);
  }
}
