/** Hands connections on to another port, and can drop them all for a moment. */
export class TcpFront implements AsyncDisposable {
  readonly port: number;
  readonly #target: number;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #pipes = new Set<Promise<unknown>>();
  readonly #listener: Deno.TcpListener;
  #away: Promise<void> | undefined;

  /** @param target The port that stands behind it. */
  constructor(target: number) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = this.#listener.addr.port;
    this.#track(this.#accept());
  }

  /**
   * Breaks all connections, and new ones at once, for `ms` milliseconds. It goes on listening: somebody
   * else could have taken the port by the time it is wanted back.
   */
  goAway(ms: number): void {
    this.#breakAll();
    this.#away ??= new Promise((resolve) =>
      setTimeout(() => {
        this.#away = undefined;
        resolve();
      }, ms)
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#away;
    this.#listener.close();
    this.#breakAll();
    await Promise.allSettled(this.#pipes);
  }

  async #accept(): Promise<void> {
    for await (const near of this.#listener) {
      if (this.#away) close(near);
      else this.#track(this.#connect(near));
    }
  }

  async #connect(near: Deno.TcpConn): Promise<void> {
    this.#connections.add(near);
    const port = this.#target;
    const far = await Deno.connect({ hostname: "127.0.0.1", port });
    this.#connections.add(far);
    await Promise.allSettled([
      near.readable.pipeTo(far.writable),
      far.readable.pipeTo(near.writable),
    ]);
    for (const end of [near, far]) {
      this.#connections.delete(end);
      close(end);
    }
  }

  #breakAll(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  #track(pipe: Promise<unknown>): void {
    const tracked = pipe.catch(() => {}).finally(() =>
      this.#pipes.delete(tracked)
    );
    this.#pipes.add(tracked);
  }
}

/** Piping closes what it has read to the end; closing twice is an error. */
function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // It was closed already.
  }
}
