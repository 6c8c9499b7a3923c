/** Lets generations in, except while something needs the servers to itself. */
export class Gate {
  #inside = 0;
  #closed = 0;
  readonly #outside = new Set<() => void>();
  readonly #leaving = new Set<() => void>();

  /** Comes in; waits while the gate is closed. False where `signal` aborted first. */
  async enter(signal?: AbortSignal): Promise<boolean> {
    while (this.#closed > 0) {
      if (signal?.aborted) return false;
      await this.#until(this.#outside, signal);
    }
    if (signal?.aborted) return false;
    this.#inside++;
    return true;
  }

  /** Goes out. */
  leave(): void {
    this.#inside--;
    if (this.#inside === 0) release(this.#leaving);
  }

  /** Lets nobody in any more, and waits until all have gone out. Closed twice, it is to be opened twice. */
  async close(): Promise<void> {
    this.#closed++;
    while (this.#inside > 0) await this.#until(this.#leaving);
  }

  /** Undoes one `close`. */
  open(): void {
    this.#closed--;
    if (this.#closed === 0) release(this.#outside);
  }

  async #until(
    waiting: Set<() => void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    waiting.add(resolve);
    signal?.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    waiting.delete(resolve);
  }
}

function release(waiting: Set<() => void>): void {
  for (const resolve of waiting) resolve();
  waiting.clear();
}
