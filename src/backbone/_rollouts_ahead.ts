import type { TaskCursorState } from "../reader/mod.ts";
import type { Group } from "../rollout/mod.ts";
import { traced } from "../telemetry/mod.ts";
import { refillOf } from "./_refill.ts";
import type { Job } from "./types.ts";

/** A batch that has ended. */
interface RolledOut {
  readonly groups: readonly Group[];
  /** Where the tasks stood once its own were drawn. */
  readonly drawn: TaskCursorState;
}

/**
 * Rolls out the batches of a run, also while the trainer is at work on an earlier one.
 *
 * A batch begins when the one before it has ended: so tasks are drawn in the order of the steps, and
 * no more episodes run at a time than one batch may have.
 */
export class RolloutsAhead implements AsyncDisposable {
  readonly #job: Job;
  readonly #end = new AbortController();
  readonly #batches = new Map<number, Promise<RolledOut>>();
  #allowed: number;
  #last: Promise<unknown> = Promise.resolve();
  #drawn: TaskCursorState;

  /** @param step The last one whose batch is not wanted any more. */
  constructor(job: Job, step: number) {
    this.#job = job;
    this.#allowed = step;
    this.#drawn = job.tasks.state();
  }

  /** Where the tasks stood after the batch that was taken last: what a resumed run goes on from. */
  get drawn(): TaskCursorState {
    return this.#drawn;
  }

  /** Lets the batches up to that of `step` begin, each in its turn. */
  allow(step: number): void {
    const last = Math.min(step, this.#job.config.train.steps);
    while (this.#allowed < last) {
      const next = ++this.#allowed;
      const batch = this.#last.then(() => this.#rollout(next));
      batch.catch(() => {}); // `take` throws it, unless the run ends before
      this.#batches.set(next, batch);
      this.#last = batch;
    }
  }

  /**
   * The batch of `step`, once it has ended.
   *
   * @throws What ended its rollout, or that of one before it.
   */
  async take(step: number): Promise<readonly Group[]> {
    this.allow(step);
    const { groups, drawn } = await this.#batches.get(step)!;
    this.#batches.delete(step);
    this.#drawn = drawn;
    return groups;
  }

  async #rollout(step: number): Promise<RolledOut> {
    const { config, tasks, rollout, signal } = this.#job;
    const ends = [this.#end.signal, signal].filter((end) => end !== undefined);
    const end = AbortSignal.any(ends);
    end.throwIfAborted();
    const refill = refillOf(config, tasks);
    const drawn = tasks.next(config.rollout.batch_tasks);
    const options = { step, signal: end, ...(refill && { refill }) };
    const attributes = { "astuner.step": step };
    const groups = await traced(
      "batch",
      { attributes },
      () => rollout(drawn, options),
    );
    return { groups, drawn: tasks.state() };
  }

  /** Ends the episodes of batches that were not taken; a resumed run plays them again. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#end.abort();
    await this.#last.catch(() => {});
  }
}
