import { basename } from "node:path";
import { UserError } from "../../errors.ts";
import type { RunEvent } from "../events.ts";
import { readRecords, RecordReader } from "../records/mod.ts";
import { isLoopback, newToken } from "./_access.ts";
import { Broadcast, type LiveEvent } from "./_broadcast.ts";
import type { DashboardOptions } from "./_protocol.ts";
import { createRoutes, type ShownRun } from "./_routes.ts";

/** How long open connections may take to end. */
const GRACE_MS = 1000;

/** How long open pages have to ask for what was recorded last. */
const LAST_LOOK_MS = 800;

/** The dashboard itself: its HTTP server and its readers, on the thread that calls it. */
export class DashboardServer implements AsyncDisposable {
  /** What to open: the address, and the token where one is needed. */
  readonly url: string;
  readonly #runs: readonly ShownRun[];
  readonly #broadcast: Broadcast;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(runs: readonly ShownRun[], options: DashboardOptions) {
    const { host = "127.0.0.1", port = 0 } = options;
    const token = isLoopback(host) ? undefined : newToken();
    const poll = pollOf(runs);
    this.#runs = runs;
    this.#broadcast = new Broadcast(poll);
    const routes = createRoutes({ runs, broadcast: this.#broadcast, token });
    this.#server = listen(host, port, (request) => routes.fetch(request));
    const address = addressOf(this.#server.addr);
    this.url = token === undefined
      ? `${address}/`
      : `${address}/?token=${token}`;
  }

  /**
   * Opens the records in `directories` and listens; dispose of it to stop.
   *
   * @throws {UserError} If a directory has no records, or damaged ones, or it cannot listen there.
   */
  static start(
    directories: readonly string[],
    options: DashboardOptions,
  ): DashboardServer {
    using opening = new DisposableStack();
    const runs = directories.map((directory) => ({
      name: basename(directory),
      reader: opening.use(new RecordReader(directory)),
    }));
    for (const { reader } of runs) {
      readRecords(reader.directory, () => reader.about());
    }
    const server = new DashboardServer(runs, options);
    opening.move();
    return server;
  }

  /** Tells the open pages what the first run is doing. */
  show(event: RunEvent): void {
    this.#broadcast.send({ event: "run", data: JSON.stringify(event) });
  }

  /** Lets open pages see how the runs ended, ends the connections and closes the records. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#broadcast.tellNews()) {
      await new Promise((resolve) => setTimeout(resolve, LAST_LOOK_MS));
    }
    this.#broadcast[Symbol.dispose]();
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, GRACE_MS);
    await Promise.race([this.#server.shutdown(), late.promise]);
    clearTimeout(timer);
    this.#server.unref();
    for (const { reader } of this.#runs) reader[Symbol.dispose]();
  }
}

/** Tells which runs have something new. */
function pollOf(runs: readonly ShownRun[]): () => LiveEvent[] {
  const seen = runs.map(({ reader }) => reader.version());
  return () =>
    runs.flatMap(({ reader }, run) => {
      const version = reader.version();
      if (version === seen[run]) return [];
      seen[run] = version;
      const data = JSON.stringify({ run, lastStep: reader.lastStep() });
      return [{ event: "changed", data }];
    });
}

function listen(
  hostname: string,
  port: number,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen() {}, handler });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new UserError(
      `Cannot show the dashboard on ${hostname}:${port}: ${reason}; choose another port`,
      { cause },
    );
  }
}

function addressOf({ hostname, port }: Deno.NetAddr): string {
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return `http://${host}:${port}`;
}
