import type { Server } from "./_server.ts";

/** Tells that a server is away, and that it is back: once for each time. */
export class Attendance {
  readonly #tell: (words: string) => void;
  readonly #away = new Set<Server>();

  /** @param tell Takes each sentence. */
  constructor(tell: (words: string) => void) {
    this.#tell = tell;
  }

  /** Notes that nothing could be asked of a server, and why. */
  away(server: Server, error: unknown): void {
    if (this.#away.has(server)) return;
    this.#away.add(server);
    const words = error instanceof Error ? error.message : String(error);
    this.#tell(`${words}; it is tried again`);
  }

  /** Notes that a server has done what it was asked for. */
  back(server: Server): void {
    if (this.#away.delete(server)) this.#tell(`vLLM at ${server.url} is back`);
  }
}
