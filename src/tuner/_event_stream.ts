import type { ServerEvent } from "./_dialect.ts";

/** What writes an event stream. */
export interface EventStreamOptions {
  /** Sends events until it resolves, with the last ones. */
  readonly run: (
    send: (event: ServerEvent) => void,
  ) => Promise<readonly ServerEvent[]>;
  /** Called when the client closes the stream. */
  readonly onCancel: () => void;
  /** The event that tells of an error after the first event. */
  readonly errorEvent: (error: unknown) => ServerEvent;
  /** Text that ends the stream, after `data:`. @default nothing */
  readonly last?: string | undefined;
}

/**
 * Server-sent events: an `event:` line where an event has a name, and JSON after `data:`.
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
  let unsent = "";

  function send({ name, json }: ServerEvent): void {
    // What is sent in one turn, as where several tokens arrived together, goes in one piece.
    if (unsent === "") queueMicrotask(flush);
    if (name !== undefined) unsent += `event: ${name}\n`;
    unsent += `data: ${json}\n\n`;
    if (isBegun) return;
    isBegun = true;
    begun.resolve();
  }

  function flush(): void {
    if (unsent !== "") controller?.enqueue(utf8.encode(unsent));
    unsent = "";
  }

  async function run(): Promise<void> {
    try {
      (await options.run(send)).forEach(send);
    } catch (error) {
      if (!isBegun) throw error;
      send(options.errorEvent(error));
    }
    if (options.last !== undefined) send({ json: options.last });
    flush();
    controller?.close();
  }

  await Promise.race([run(), begun.promise]);
  return new Response(body, {
    headers: {
      "Content-Type": "text/event-stream; charset=utf-8",
      "Cache-Control": "no-cache",
      // Named, so that the server does not wait whether this is all of a short answer.
      "Transfer-Encoding": "chunked",
    },
  });
}
