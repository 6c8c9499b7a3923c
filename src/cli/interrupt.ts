const SIGNALS: readonly Deno.Signal[] = Deno.build.os === "windows"
  ? ["SIGINT"]
  : ["SIGINT", "SIGTERM"];

/** How long an end at once may take before the process is ended under it, in milliseconds. */
const GRACE = 2000;

/** Exit code of a program that was told to stop. */
export const STOPPED = 130;

/**
 * Ctrl-C in two steps: the first asks to end well, the second to end at once.
 *
 * While it lives, Ctrl-C no longer ends the process by itself.
 */
export class Interrupt implements Disposable {
  readonly #stop = new AbortController();
  readonly #kill = new AbortController();
  readonly #say: (text: string) => void;
  readonly #first: string;

  /**
   * @param first What to tell the user at the first Ctrl-C.
   * @param say Tells it.
   */
  constructor(first: string, say: (text: string) => void) {
    this.#first = first;
    this.#say = say;
    for (const signal of SIGNALS) {
      Deno.addSignalListener(signal, this.#signalled);
    }
  }

  /** Aborted by the first Ctrl-C. */
  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborted by the second Ctrl-C. */
  get kill(): AbortSignal {
    return this.#kill.signal;
  }

  /** Gives Ctrl-C back its usual meaning. */
  [Symbol.dispose](): void {
    for (const signal of SIGNALS) {
      Deno.removeSignalListener(signal, this.#signalled);
    }
  }

  readonly #signalled = (): void => {
    if (!this.#stop.signal.aborted) {
      this.#say(this.#first);
      this.#stop.abort();
      return;
    }
    Deno.unrefTimer(setTimeout(() => Deno.exit(STOPPED), GRACE));
    this.#kill.abort();
  };
}
