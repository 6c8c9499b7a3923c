/** A number of places; who comes when all are taken waits for one, in the order of arrival. */
export class Places {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(readonly count: number) {
    this.#free = count;
  }

  /** Places taken. */
  get taken(): number {
    return this.count - this.#free;
  }

  /** Those who wait for one. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a place, to be given back by `leave`; false where `signal` aborted first. */
  async take(signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted) return false;
    if (this.#free > 0) {
      this.#free--;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const onPlace = () => resolve(true);
    const onAbort = () => resolve(!this.#waiting.delete(onPlace));
    this.#waiting.add(onPlace);
    signal?.addEventListener("abort", onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal?.removeEventListener("abort", onAbort);
    }
  }

  /** Gives a place back, to whoever waits longest. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
