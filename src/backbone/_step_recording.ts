import { ScoreBook } from "../monitor/records/mod.ts";
import type { Group } from "../rollout/mod.ts";
import type { Job } from "./types.ts";

/**
 * Writes the episodes of a step while the step goes on: its stages wait for the GPU, and this thread
 * has time.
 */
export class StepRecording implements AsyncDisposable {
  readonly #step: number;
  readonly #job: Job;
  readonly #begun: Promise<number>[] = [];

  constructor(step: number, job: Job) {
    this.#step = step;
    this.#job = job;
  }

  /** Begins to write the episodes as lines; they must stay as they are. */
  writeEpisodes(groups: readonly Group[]): void {
    const episodes = groups.flatMap(({ episodes }) => episodes);
    this.#begin(({ store }) =>
      store.writeEpisodes(this.#step, "train", episodes)
    );
  }

  /** Begins to record the episodes to the token, with what the trainer knew of them. */
  writeBatch(groups: readonly Group[], scores = new ScoreBook()): void {
    this.#begin(({ records }) =>
      records?.writeBatch({
        step: this.#step,
        kind: "train",
        groups,
        findScores: (episode, call) => scores.find(episode, call),
      })
    );
  }

  #begin(write: (job: Job) => Promise<number> | undefined): void {
    if (!this.#job.config.monitor.episodes) return;
    const writing = write(this.#job);
    if (writing === undefined) return;
    writing.catch(() => {}); // `written` throws it, unless the step ends before
    this.#begun.push(writing);
  }

  /**
   * Waits until all that was begun is written.
   *
   * @returns Seconds that threads of this program were at work on it.
   * @throws The first error of what was begun.
   */
  async written(): Promise<number> {
    const seconds = await Promise.all(this.#begun);
    return seconds.reduce((sum, each) => sum + each, 0);
  }

  /** Waits until nothing is being written any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#begun);
  }
}
