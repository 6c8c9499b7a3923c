import { describe, describeStage } from "./_describe.ts";
import { RunState } from "./_run_state.ts";
import type { RunEvent, View } from "./events.ts";

/** How a `LineView` writes. */
export interface LineViewOptions {
  readonly write: (text: string) => void;
  /**
   * Seconds between two lines about a stage that takes long.
   * @default {5}
   */
  readonly every?: number;
  /** The clock, in milliseconds. @default {Date.now} */
  readonly now?: () => number;
}

/** A run as plain lines, for logs and pipes. */
export class LineView implements View {
  readonly #write: (text: string) => void;
  readonly #every: number;
  readonly #now: () => number;
  readonly #state = new RunState();
  #spoke: number;

  constructor({ write, every = 5, now = Date.now }: LineViewOptions) {
    this.#write = write;
    this.#every = every;
    this.#now = now;
    this.#spoke = now();
  }

  show(event: RunEvent): void {
    const now = this.#now();
    this.#state.apply(event, now);
    const lines = describe(event, this.#state);
    if (event.event === "progress" && now - this.#spoke > this.#every * 1000) {
      lines.push(describeStage(this.#state, now));
    }
    if (lines.length === 0) return;
    this.#spoke = now;
    this.#write(lines.join("\n") + "\n");
  }

  [Symbol.dispose](): void {}
}
