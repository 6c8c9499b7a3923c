import { describe, describeSeconds, describeStage } from "./_describe.ts";
import {
  formatNumber,
  formatSeconds,
  progressBar,
  sparkline,
} from "./_format.ts";
import { RunState } from "./_run_state.ts";
import type { RunEvent, View } from "./events.ts";

const REFRESH_MS = 200;

/** How a `TerminalView` draws. */
export interface TerminalViewOptions {
  readonly write: (text: string) => void;
  /** Columns of the terminal, asked at each redraw. */
  readonly columns: () => number;
  /** Whether escape sequences for colour may be written. */
  readonly color: boolean;
  /** The clock, in milliseconds. @default {Date.now} */
  readonly now?: () => number;
}

/**
 * A run as a block of lines that is redrawn in place: step, bar, pace, ETA, reward, success, the
 * course of the reward and the seconds by stage. What should stay scrolls away above the block.
 */
export class TerminalView implements View {
  readonly #write: (text: string) => void;
  readonly #columns: () => number;
  readonly #color: boolean;
  readonly #now: () => number;
  readonly #state = new RunState();
  readonly #timer: ReturnType<typeof setInterval>;
  #drawn = 0;
  #stale = false;

  constructor({ write, columns, color, now = Date.now }: TerminalViewOptions) {
    this.#write = write;
    this.#columns = columns;
    this.#color = color;
    this.#now = now;
    this.#timer = setInterval(() => this.#refresh(), REFRESH_MS);
    Deno.unrefTimer(this.#timer);
  }

  show(event: RunEvent): void {
    this.#state.apply(event, this.#now());
    this.#stale = true;
    if (event.event === "step" || event.event === "progress") return;
    this.#clear();
    this.#write(describe(event, this.#state).join("\n") + "\n");
    if (event.event !== "done" && event.event !== "stopped") this.#draw();
  }

  /** Stops redrawing and leaves the last block as it stands. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#stale && this.#drawn > 0) this.#draw();
  }

  #refresh(): void {
    if (this.#stale || this.#state.stage !== null) this.#draw();
  }

  #draw(): void {
    const width = Math.max(1, this.#columns() - 1);
    const lines = this.#lines(width)
      .filter((line) => line !== "")
      .map((line) => [...line].slice(0, width).join(""));
    this.#clear();
    this.#write(
      lines.map((line, row) => this.#paint(line, row) + "\n").join(""),
    );
    this.#drawn = lines.length;
    this.#stale = false;
  }

  #lines(width: number): string[] {
    const state = this.#state;
    const { last, rewards } = state;
    const now = this.#now();
    const head = `step ${state.step}/${state.steps} `;
    const pace = Number.isFinite(state.stepPace)
      ? `  ${formatSeconds(state.stepPace)}/step  ETA ${
        formatSeconds(state.secondsLeft)
      }`
      : "";
    const bar = Math.min(40, width - head.length - pace.length);
    const reward = `reward ${formatNumber(last?.reward)}  success ${
      formatNumber(last?.success)
    }  `;
    return [
      state.steps === 0
        ? ""
        : head + progressBar(state.step / state.steps, Math.max(0, bar)) + pace,
      describeStage(state, now),
      last === null
        ? ""
        : reward + sparkline(rewards, Math.max(0, width - reward.length)),
      last === null ? "" : describeSeconds(last),
    ];
  }

  #clear(): void {
    if (this.#drawn > 0) this.#write(`\x1b[${this.#drawn}A\x1b[J`);
    this.#drawn = 0;
  }

  #paint(line: string, row: number): string {
    if (!this.#color) return line;
    return row === 0 ? `\x1b[1m${line}\x1b[0m` : `\x1b[2m${line}\x1b[0m`;
  }
}
