import type { ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "../deps/node_server.ts";
import type { ServerEvent } from "./_dialect.ts";

/** What writes an event stream. */
export interface EventStreamOptions {
  /** Sends events until it resolves, with the last ones. */
  readonly run: (
    send: (event: ServerEvent) => void,
  ) => Promise<readonly ServerEvent[]>;
  /** The event that tells of an error after the first event. */
  readonly errorEvent: (error: unknown) => ServerEvent;
  /** Text that ends the stream, after `data:`. @default nothing */
  readonly last?: string | undefined;
}

/** What an event stream's answer begins with. */
const HEADERS = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "no-cache",
};

/**
 * Answers by server-sent events: an `event:` line where an event has a name, and JSON after `data:`.
 *
 * The answer begins with the first event, so that what fails before it still gets a status. It is written to Node's
 * own stream: through a web stream, each token would come later.
 *
 * @throws What `run` throws before its first event.
 */
export async function eventStream(
  outgoing: ServerResponse,
  options: EventStreamOptions,
): Promise<Response> {
  const begun = Promise.withResolvers<void>();
  let isBegun = false;
  let unsent = "";

  function send({ name, json }: ServerEvent): void {
    // What is sent in one turn, as where several tokens arrived together, goes in one piece.
    if (unsent === "") queueMicrotask(flush);
    if (name !== undefined) unsent += `event: ${name}\n`;
    unsent += `data: ${json}\n\n`;
    if (isBegun) return;
    isBegun = true;
    outgoing.writeHead(200, HEADERS);
    begun.resolve();
  }

  function flush(): void {
    if (unsent !== "") outgoing.write(unsent);
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
    outgoing.end(unsent);
    unsent = "";
  }

  await Promise.race([run(), begun.promise]);
  return RESPONSE_ALREADY_SENT;
}
