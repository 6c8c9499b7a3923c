import type { Config } from "../config/mod.ts";
import type { Evaluation, RunStore, View } from "../monitor/mod.ts";
import type { RecordWriter } from "../monitor/records/mod.ts";
import type { Task, TaskCursor, TaskCursorState } from "../reader/mod.ts";
import type { Group } from "../rollout/mod.ts";

/** Who performs the update. A backbone drives the run; everything it needs comes with the job. */
export interface Backbone {
  /**
   * Trains until the last step, or until `job.stop` is aborted.
   *
   * @throws The reason of `job.signal`, where that is aborted.
   */
  run(job: Job): Promise<Outcome>;
}

/** One training run, as its launcher hands it to a backbone. */
export interface Job {
  readonly config: Config;
  /** Where the training tasks come from. */
  readonly tasks: TaskCursor;
  /** Where the run is recorded. */
  readonly store: RunStore;
  /** Where everything about its episodes is recorded; nowhere if absent. */
  readonly records?: RecordWriter;
  /** Where the run is shown. */
  readonly view: View;
  /** Aborted to end after the step at work. */
  readonly stop?: AbortSignal;
  /** Aborted to end at once. */
  readonly signal?: AbortSignal;
  /** Runs a group of episodes for each task, in their order. */
  readonly rollout: (
    tasks: readonly Task[],
    options: JobRolloutOptions,
  ) => Promise<readonly Group[]>;
  /**
   * Measures the policy now served on the held-out tasks; undefined where the job was stopped
   * before the end. Absent where there are no held-out tasks.
   */
  readonly evaluate?: (step: number) => Promise<Evaluation | undefined>;
}

/** What a batch of episodes is for. */
export interface JobRolloutOptions {
  /** Step of the run, from 1. */
  readonly step: number;
  readonly refill?: Refill;
  /** Ends the episodes; as the job's own signal, where it is absent. */
  readonly signal?: AbortSignal;
}

/** Further tasks to roll out in the same step, given the groups so far; none to be content. */
export type Refill = (groups: readonly Group[]) => readonly Task[];

/** How a backbone's run ended. */
export interface Outcome {
  /** Steps taken in all, those before a resume included. */
  readonly steps: number;
  /** False where it was stopped before its end. */
  readonly finished: boolean;
}

/** Where a run stands between two steps; with weights and moments, all it takes to go on. */
export interface TrainState {
  /** Training steps taken. */
  readonly step: number;
  /** Optimizer steps behind the weights. */
  readonly version: number;
  /** Where the training tasks stand. */
  readonly tasks: TaskCursorState;
  /** Seed of the run: every random number is derived from it and a step's number. */
  readonly seed: number;
}
