import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener } from "../deps/node_server.ts";
import { UserError } from "../errors.ts";

/** Where to listen. */
export interface HttpServerOptions {
  /** @default {"127.0.0.1"} */
  readonly host?: string;
  /** 0 takes any that is free. @default {0} */
  readonly port?: number;
}

/** Who has sent a request. */
export interface Client {
  /** Takes an answer that is written bit by bit; then the handler returns `RESPONSE_ALREADY_SENT`. */
  readonly outgoing: ServerResponse;
}

/** How Hono's contexts know the client: as `env`. */
export interface Env {
  readonly Bindings: Client;
}

/** Answers a request. */
export type Handler = (
  request: Request,
  client: Client,
) => Response | Promise<Response>;

/** How long answers that are already written may take to reach their clients at the end. */
const GRACE_MS = 1000;

/** Most bytes of a refused request that are read; its connection is closed after them. */
const MOST_DISCARDED = 64 * 1024 * 1024;

/**
 * An HTTP server whose requests are told when their client has gone.
 *
 * It is Node's, since Deno's own (2.8.3 to 2.9.6 at least) aborts the signal of a request only where the body came with the
 * headers in one read: a client that gave up on a longer prompt would have it sampled to its end.
 */
export class HttpServer {
  /** Where this machine reaches it, without a path. */
  readonly url: string;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    this.url = urlOf(server.address() as AddressInfo);
  }

  /**
   * Listens from now on.
   *
   * @throws {UserError} If it cannot at that address.
   */
  static async listen(
    { host = "127.0.0.1", port = 0 }: HttpServerOptions,
    handler: Handler,
  ): Promise<HttpServer> {
    const answer = getRequestListener(
      (request, client) => handler(request, client as Client),
      { overrideGlobalObjects: false, autoCleanupIncoming: false },
    );
    const server = createServer((incoming, outgoing) => {
      outgoing.once("finish", () => discardRest(incoming));
      void answer(incoming, outgoing);
    });
    // A call may be sampled for as long as its episode allows.
    server.requestTimeout = 0;
    // Nor may a connection close under a request that an agent sends after long thought.
    server.keepAliveTimeout = 0;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UserError(
        `Cannot listen on ${host}:${port}: ${reason}; choose another port`,
        { cause },
      );
    }
    return new HttpServer(server);
  }

  /** Stops listening, and waits a moment for answers under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.close(() => resolve());
    this.#server.closeIdleConnections();
    // A client that never reads its answer must not keep the process.
    const timer = setTimeout(
      () => this.#server.closeAllConnections(),
      GRACE_MS,
    );
    await promise;
    clearTimeout(timer);
  }
}

/** Reads what was not asked for: many clients look for the answer only when all of their request is sent. */
function discardRest(incoming: IncomingMessage): void {
  if (incoming.readableEnded) return;
  let bytes = 0;
  incoming.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > MOST_DISCARDED) incoming.destroy();
  });
  incoming.resume();
}

function urlOf({ address, port }: AddressInfo): string {
  if (address === "0.0.0.0") return `http://127.0.0.1:${port}`;
  if (address === "::") return `http://[::1]:${port}`;
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}`;
}
