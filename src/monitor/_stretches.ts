/** Longest stretch in milliseconds, as far as the pieces of the work allow. */
const STRETCH = 4;

/** Work that a thread does in stretches, between which whatever else waits for it has its turn. */
export class Stretches {
  #began = performance.now();
  #worked = 0;

  /** Seconds at work so far; the turns of others are not in it. */
  get seconds(): number {
    return (this.#worked + performance.now() - this.#began) / 1000;
  }

  /** Lets others have their turn, where the stretch has been long enough. */
  async rest(): Promise<void> {
    if (performance.now() - this.#began < STRETCH) return;
    await this.wait(new Promise((resolve) => setTimeout(resolve, 0)));
  }

  /** Waits for `pending`, and begins another stretch then. */
  async wait<T>(pending: Promise<T>): Promise<T> {
    this.#worked += performance.now() - this.#began;
    try {
      return await pending;
    } finally {
      this.#began = performance.now();
    }
  }
}
