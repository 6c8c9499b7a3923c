import type { StubVllm } from "./_stub_vllm.ts";
import { TcpFront } from "./_tcp_front.ts";

/** What goes wrong with a request on its way. */
export const FAULTS = [
  "refused",
  "reset",
  "status 500",
  "status 503",
  "error event",
  "truncated",
  "wrong count",
  "silence",
  "restart",
] as const;

/** One of {@linkcode FAULTS}. */
export type Fault = typeof FAULTS[number];

/** How a proxy spoils requests. */
export interface FaultProxyOptions {
  /** The fault of the next completion request; undefined lets it through. */
  readonly next: () => Fault | undefined;
  /** Bytes of the answer that are let through before a fault in its middle. */
  readonly cut: () => number;
}

/** Stands between an engine and a stub, and lets things go wrong. */
export class FaultProxy implements AsyncDisposable {
  readonly url: string;
  readonly #stub: StubVllm;
  readonly #options: FaultProxyOptions;
  readonly #front: TcpFront;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  /** Ends silences when the proxy is closed. */
  readonly #closing = new AbortController();
  /** How often each fault has happened. */
  readonly happened = new Map<Fault, number>();

  constructor(stub: StubVllm, options: FaultProxyOptions) {
    this.#stub = stub;
    this.#options = options;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen() {},
      onError: () => new Response(null, { status: 500 }),
    }, (request) => this.#answer(request));
    this.#front = new TcpFront(this.#server.addr.port);
    this.url = `http://127.0.0.1:${this.#front.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#front[Symbol.asyncDispose]();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = request.method === "POST" ? await request.text() : undefined;
    const forward = () =>
      fetch(`${this.#stub.url}${pathname}${search}`, {
        method: request.method,
        signal: request.signal,
        headers: { "content-type": "application/json" },
        ...(body !== undefined && { body }),
      });
    if (pathname !== "/v1/completions") return await forward();
    const fault = this.#options.next();
    if (fault === undefined) return await forward();
    this.happened.set(fault, (this.happened.get(fault) ?? 0) + 1);
    switch (fault) {
      case "restart":
        this.#stub.restart();
        this.#front.goAway(10);
        return failure(500, {});
      case "refused":
        this.#front.goAway(10);
        return failure(500, {});
      case "status 500":
        return failure(500, {});
      case "status 503":
        return failure(503, { "retry-after": "0.01" });
      case "reset":
        return this.#spoiled(await forward(), "reset");
      case "truncated":
        return this.#spoiled(await forward(), "end");
      case "silence":
        return this.#spoiled(await forward(), "silence");
      case "error event":
        return this.#spoiled(await forward(), "error");
      case "wrong count": {
        const answer = await forward();
        const text = await answer.text();
        return new Response(
          text.replace(/"token_logprobs":\[[^\]]*\]/, '"token_logprobs":[]'),
          { headers: { "content-type": "text/event-stream" } },
        );
      }
      default:
        return fault satisfies never;
    }
  }

  /** The beginning of an answer, and then something else. */
  #spoiled(
    answer: Response,
    how: "reset" | "end" | "silence" | "error",
  ): Response {
    const reader = answer.body!.getReader();
    let left = this.#options.cut();
    const spoiled = new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        const { done, value } = await reader.read();
        const bytes = value?.subarray(0, left) ?? new Uint8Array();
        left -= bytes.length;
        if (bytes.length > 0) controller.enqueue(bytes);
        if (!done && left > 0) return;
        await reader.cancel();
        if (how === "silence") await aborted(this.#closing.signal);
        if (how === "reset") return controller.error(new Error("reset"));
        if (how === "error") {
          const event = JSON.stringify({ error: { message: "engine died" } });
          const text = `\n\ndata: ${event}\n\ndata: [DONE]\n\n`;
          controller.enqueue(new TextEncoder().encode(text));
        }
        controller.close();
      },
      cancel: () => reader.cancel(),
    }, { highWaterMark: 0 });
    return new Response(spoiled, {
      headers: { "content-type": "text/event-stream" },
    });
  }
}

function failure(status: number, headers: HeadersInit): Response {
  const error = { message: "out of luck", type: "Error", code: status };
  return Response.json({ error }, { status, headers });
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
