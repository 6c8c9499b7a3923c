import { DataError } from "../errors.ts";
import { deriveSeed } from "./derive_seed.ts";
import { shuffled } from "./shuffled.ts";
import type { Task } from "./task.ts";

/** How a `TaskCursor` walks its tasks. */
export interface TaskCursorOptions {
  /** Seed of the order. @default 0 */
  readonly seed?: number;
  /** Whether each epoch has an order of its own, or all have the given one. @default true */
  readonly shuffle?: boolean;
}

/** Where a `TaskCursor` stands; plain JSON, for a checkpoint. */
export interface TaskCursorState {
  /** Times the whole data set has been handed out. */
  readonly epoch: number;
  /** Tasks of the current epoch handed out. */
  readonly position: number;
  /** Tasks in the data set; a state fits no data set of another size. */
  readonly size: number;
}

/**
 * Hands out tasks epoch after epoch, each epoch in a seeded order of its own.
 *
 * Order depends on the seed, the epoch and the number of tasks only, so a cursor restored from its
 * state hands out what the first one would have.
 */
export class TaskCursor {
  readonly #tasks: readonly Task[];
  readonly #seed: number;
  readonly #shuffle: boolean;
  #epoch = 0;
  #position = 0;
  #order: readonly Task[];

  /**
   * Stands before the first task of the first epoch.
   *
   * @throws {DataError} If there are no tasks.
   */
  constructor(tasks: readonly Task[], options: TaskCursorOptions = {}) {
    const { seed = 0, shuffle = true } = options;
    if (tasks.length === 0) {
      throw new DataError(
        "There are no tasks to train on: the data set has none in its training split",
      );
    }
    this.#tasks = tasks;
    this.#seed = seed;
    this.#shuffle = shuffle;
    this.#order = this.#orderOf(0);
  }

  /** The next `count` tasks; the next epoch begins where one ends, also in mid-batch. */
  next(count: number): Task[] {
    const batch: Task[] = [];
    while (batch.length < count) {
      if (this.#position === this.#order.length) {
        this.#position = 0;
        this.#epoch++;
        this.#order = this.#orderOf(this.#epoch);
      }
      const end = this.#position + count - batch.length;
      const taken = this.#order.slice(this.#position, end);
      batch.push(...taken);
      this.#position += taken.length;
    }
    return batch;
  }

  /** Where the cursor stands. */
  state(): TaskCursorState {
    return {
      epoch: this.#epoch,
      position: this.#position,
      size: this.#tasks.length,
    };
  }

  /**
   * Stands the cursor where `state` was taken.
   *
   * @throws {DataError} If the state was taken over another number of tasks.
   */
  restore(state: TaskCursorState): void {
    if (state.size !== this.#tasks.length) {
      throw new DataError(
        `Cannot resume: the data set had ${state.size} training tasks when the checkpoint was ` +
          `written and has ${this.#tasks.length} now. Restore the data set, or start a new run`,
      );
    }
    this.#epoch = state.epoch;
    this.#position = state.position;
    this.#order = this.#orderOf(state.epoch);
  }

  #orderOf(epoch: number): readonly Task[] {
    return this.#shuffle
      ? shuffled(this.#tasks, deriveSeed([this.#seed, epoch]))
      : this.#tasks;
  }
}
