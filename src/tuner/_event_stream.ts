/** What writes an event stream. */
export interface EventStreamOptions {
  /** Sends events until it resolves. */
  readonly run: (send: (data: unknown) => void) => Promise<void>;
  /** Called when the client closes the stream. */
  readonly onCancel: () => void;
  /** The event that tells of an error after the first event. */
  readonly errorEvent: (error: unknown) => unknown;
}

/**
 * Server-sent events as OpenAI streams them: JSON after `data:`, and `[DONE]` at the end.
 *
 * The answer begins with the first event, so that what fails before it still gets a status.
 *
 * @throws What `run` throws before its first event.
 */
export async function eventStream(
  options: EventStreamOptions,
): Promise<Response> {
  const utf8 = new TextEncoder();
  const begun = Promise.withResolvers<void>();
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({
    start(given) {
      controller = given;
    },
    cancel() {
      controller = undefined;
      options.onCancel();
    },
  });
  let isBegun = false;

  function write(text: string): void {
    controller?.enqueue(utf8.encode(`data: ${text}\n\n`));
    isBegun = true;
    begun.resolve();
  }

  async function run(): Promise<void> {
    try {
      await options.run((data) => write(JSON.stringify(data)));
    } catch (error) {
      if (!isBegun) throw error;
      write(JSON.stringify(options.errorEvent(error)));
    }
    write("[DONE]");
    controller?.close();
  }

  await Promise.race([run(), begun.promise]);
  return new Response(body, {
    headers: {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-cache",
    },
  });
}
