import { ScoreBook } from "../monitor/records/mod.ts";
import type { Group } from "../rollout/mod.ts";
import type { Job } from "./types.ts";

/**
 * Records the episodes of a step while the step goes on: its stages wait for the GPU, and this thread
 * has time.
 */
export class StepRecording implements AsyncDisposable {
  readonly #step: number;
  readonly #job: Job;
  #writing: Promise<number> | undefined;

  constructor(step: number, job: Job) {
    this.#step = step;
    this.#job = job;
  }

  /** Begins to record the episodes, with what the trainer knew of them; they must stay as they are. */
  begin(groups: readonly Group[], scores = new ScoreBook()): void {
    const { config, records } = this.#job;
    if (!config.monitor.episodes) return;
    this.#writing = records?.writeBatch({
      step: this.#step,
      kind: "train",
      groups,
      findScores: (episode, call) => scores.find(episode, call),
    });
    this.#writing?.catch(() => {}); // `written` throws it, unless the step ends before
  }

  /**
   * Waits until all that was begun is written.
   *
   * @returns Seconds that threads of this program were at work on it.
   * @throws The error of what was begun.
   */
  async written(): Promise<number> {
    return await this.#writing ?? 0;
  }

  /** Waits until nothing is being written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled([this.#writing]);
  }
}
