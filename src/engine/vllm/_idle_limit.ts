/** Calls back once when nothing has happened for a while. */
export class IdleLimit implements Disposable {
  readonly #ms: number;
  readonly #onIdle: () => void;
  #last = performance.now();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Starts the clock. */
  constructor(ms: number, onIdle: () => void) {
    this.#ms = ms;
    this.#onIdle = onIdle;
    this.#wait(ms);
  }

  /** Something has happened. */
  touch(): void {
    this.#last = performance.now();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  /** One timer for many events: it looks at its end whether it came too early. */
  #wait(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#ms - (performance.now() - this.#last);
      if (left > 0) this.#wait(left);
      else this.#onIdle();
    }, ms);
  }
}
