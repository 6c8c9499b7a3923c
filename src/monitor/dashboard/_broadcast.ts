import { type Context, streamSSE } from "../../deps/hono.ts";

/** Milliseconds between two looks at the records. */
const POLL_MS = 400;

/** Milliseconds after which a silent connection is given a sign of life. */
const HEARTBEAT_MS = 15_000;

/** Most events that wait for a browser; of those that it is too slow for, the latest tell enough. */
const MOST_WAITING = 1000;

/** One event as the browser receives it. */
export interface LiveEvent {
  readonly event: string;
  /** JSON. */
  readonly data: string;
}

/** Sends events to all browsers that listen; looks for news only while there are any. */
export class Broadcast implements Disposable {
  readonly #poll: () => readonly LiveEvent[];
  readonly #listeners = new Set<(event: LiveEvent | undefined) => void>();
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param poll Finds out what happened since it was last asked. */
  constructor(poll: () => readonly LiveEvent[]) {
    this.#poll = poll;
  }

  /** Sends an event to everybody who listens now. */
  send(event: LiveEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  /** Answers with a stream of events, until the browser goes or the broadcast ends. */
  stream(context: Context): Response {
    return streamSSE(context, async (stream) => {
      const queue: LiveEvent[] = [{ event: "hello", data: "{}" }];
      let wake = Promise.withResolvers<void>();
      let open = true;
      const listener = (event: LiveEvent | undefined) => {
        if (event === undefined) open = false;
        else queue.push(event);
        if (queue.length > MOST_WAITING) queue.shift();
        wake.resolve();
      };
      stream.onAbort(() => listener(undefined));
      this.#add(listener);
      const heartbeat = setInterval(
        () => listener({ event: "alive", data: "{}" }),
        HEARTBEAT_MS,
      );
      try {
        while (open || queue.length > 0) {
          const event = queue.shift();
          if (event !== undefined) {
            await stream.writeSSE(event);
            continue;
          }
          await wake.promise;
          wake = Promise.withResolvers();
        }
      } finally {
        clearInterval(heartbeat);
        this.#remove(listener);
      }
    });
  }

  /** Tells everybody what is new now, and whether there is anybody. */
  tellNews(): boolean {
    if (this.#listeners.size === 0) return false;
    for (const event of this.#poll()) this.send(event);
    return true;
  }

  /** Ends all streams. */
  [Symbol.dispose](): void {
    for (const listener of [...this.#listeners]) listener(undefined);
    clearInterval(this.#timer);
  }

  #add(listener: (event: LiveEvent | undefined) => void): void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => this.tellNews(), POLL_MS);
  }

  #remove(listener: (event: LiveEvent | undefined) => void): void {
    this.#listeners.delete(listener);
    if (this.#listeners.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
