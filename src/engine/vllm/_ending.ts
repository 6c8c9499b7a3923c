const BUFFER_BYTES = 16_384;

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
   * Hands the bytes of a body to `take` as they arrive; they share one buffer, and last for that call alone. What
   * `take` throws cancels the body too.
   *
   * @throws {DOMException} An `AbortError`, if the request is ended.
   */
  async read(
    body: ReadableStream<Uint8Array<ArrayBuffer>> | null,
    take: (bytes: Uint8Array<ArrayBuffer>) => void,
  ): Promise<void> {
    if (body === null) return;
    const reader = openReader(body);
    // A cancelled reader's pending read resolves as if the body had ended.
    const cancel = () => void reader.cancel().catch(() => {});
    this.signal.addEventListener("abort", cancel, { once: true });
    try {
      for (let buffer = new ArrayBuffer(BUFFER_BYTES);;) {
        this.signal.throwIfAborted();
        const { done, value } = reader instanceof ReadableStreamBYOBReader
          ? await reader.read(new Uint8Array(buffer))
          : await reader.read();
        if (done) break;
        take(value);
        buffer = value.buffer;
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

/**
 * A reader that is given its buffers, where the body is of bytes, as that of fetch is: left alone, each read makes
 * one of 64 KiB, for some hundred bytes of an event.
 */
function openReader(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
):
  | ReadableStreamBYOBReader
  | ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    return body.getReader();
  }
}
