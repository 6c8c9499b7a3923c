import { EpisodeError } from "../errors.ts";
import type { HostedEpisode } from "./episode_host.ts";

/** How long an attempt may take. */
export interface TimeLimits {
  /** From its start to its end, in seconds; Infinity sets no limit. */
  readonly deadlineSeconds: number;
  /** Without a model call in progress and without output, in seconds; Infinity sets no limit. */
  readonly idleSeconds: number;
}

/** Aborts a signal when an attempt takes too long or stands still, or when the whole batch stops. */
export class Watchdog implements Disposable {
  /** Its reason is an `EpisodeError`, or that of the batch's own signal. */
  readonly signal: AbortSignal;

  readonly #cancel = new AbortController();
  readonly #stop: AbortSignal;
  readonly #session: HostedEpisode;
  readonly #idleMs: number;
  readonly #onStop = () => this.#cancel.abort(this.#stop.reason);
  readonly #deadlineSeconds: number;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #idle: ReturnType<typeof setTimeout> | undefined;
  #touched = Date.now();

  constructor(
    session: HostedEpisode,
    options: TimeLimits & { readonly stop: AbortSignal },
  ) {
    const { deadlineSeconds, idleSeconds, stop } = options;
    this.signal = this.#cancel.signal;
    this.#session = session;
    this.#stop = stop;
    this.#idleMs = idleSeconds * 1000;
    this.#deadlineSeconds = deadlineSeconds;
    stop.addEventListener("abort", this.#onStop, { once: true });
    if (stop.aborted) this.#onStop();
  }

  /** Starts the clocks. */
  start(): void {
    const seconds = this.#deadlineSeconds;
    if (seconds < Infinity) {
      this.#deadline = setTimeout(() => {
        this.#expire(
          "deadline",
          `The episode took longer than ${seconds} s (rollout.deadline)`,
        );
      }, seconds * 1000);
    }
    this.touch();
    if (this.#idleMs < Infinity) {
      this.#idle = setTimeout(() => this.#checkIdle(), this.#idleMs);
    }
  }

  /** Notes a sign of life. */
  touch(): void {
    this.#touched = Date.now();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#deadline);
    clearTimeout(this.#idle);
    this.#stop.removeEventListener("abort", this.#onStop);
  }

  /** Looks again when the limit could first be reached, so that it wakes rarely. */
  #checkIdle(): void {
    const { inFlight, lastActivity } = this.#session;
    const since = Math.max(lastActivity, this.#touched);
    const left = inFlight > 0
      ? this.#idleMs
      : this.#idleMs - (Date.now() - since);
    if (left > 0) {
      this.#idle = setTimeout(() => this.#checkIdle(), left);
      return;
    }
    const seconds = this.#idleMs / 1000;
    this.#expire(
      "idle",
      `The episode neither called the model nor printed for ${seconds} s (rollout.idle)`,
    );
  }

  #expire(stage: "deadline" | "idle", message: string): void {
    this.#cancel.abort(new EpisodeError(stage, message));
  }
}
