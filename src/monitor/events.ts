import type { MemoryUse } from "./memory_use.ts";

/** Success on the held-out tasks under one set of weights. */
export interface Evaluation {
  /** Optimizer-side step the weights come from; 0 before training. */
  readonly step: number;
  /** Share of tasks solved when sampling, mean over the draws; null where none were asked for. */
  readonly sampled: number | null;
  /** Share of tasks solved when the likeliest token is always taken; null where not asked for. */
  readonly greedy: number | null;
  /** Distinct held-out tasks. */
  readonly tasks: number;
  /** Episodes behind `sampled`: tasks × draws. */
  readonly sampledEpisodes: number;
  /** Episodes behind `greedy`. */
  readonly greedyEpisodes: number;
  /** Episodes that failed for good; they count as not solved. */
  readonly failures: number;
  /** Wall time. */
  readonly seconds: number;
}

/** What one training step measured. Everything but `seconds` repeats from run to run. */
export interface StepRecord {
  /** From 1. */
  readonly step: number;
  /** Mean reward of the step's episodes. */
  readonly reward: number;
  /** Share of the step's episodes that solved their task. */
  readonly success: number;
  /**
   * Wall time by stage, and in all as `total`. The stage `record` is what the step waited for its
   * episodes to be written; `recordWork` is no stage, but how long threads were at work on that,
   * mostly while the step was at other stages.
   */
  readonly seconds: Readonly<Record<string, number>>;
  /** Loss, KL, entropy and the like; NaN is written as null. */
  readonly [metric: string]:
    | number
    | string
    | null
    | Readonly<Record<string, number>>;
}

/** The stages of a run that can take longer than a glance. */
export type Stage = "open" | "evaluate" | "rollout" | "update" | "save";

/** Everything a run tells whoever watches it. */
export type RunEvent =
  | {
    readonly event: "start";
    /** The run directory. */
    readonly run: string;
    readonly model: string;
    /** Steps the run will have taken at its end. */
    readonly steps: number;
    /** Steps already taken, where a run is resumed. */
    readonly from: number;
  }
  | ({ readonly event: "memory" } & MemoryUse)
  | {
    readonly event: "progress";
    readonly stage: Stage;
    readonly done: number;
    /** 0 where the stage is one piece of work. */
    readonly total: number;
    /** What is counted, in the plural: "episodes". */
    readonly unit: string;
  }
  | ({ readonly event: "evaluation" } & Evaluation)
  | ({ readonly event: "step" } & StepRecord)
  | { readonly event: "note"; readonly text: string }
  | {
    readonly event: "done";
    readonly steps: number;
    readonly seconds: number;
    readonly eval: {
      readonly before: Evaluation | null;
      readonly after: Evaluation | null;
    };
    readonly run: string;
  }
  | {
    /** The run was asked to stop and saved its state. */
    readonly event: "stopped";
    readonly steps: number;
    readonly seconds: number;
    readonly run: string;
    /** The command that continues it. */
    readonly resume: string;
  };

/** Shows a run to somebody: a terminal, a log, another program. */
export interface View extends Disposable {
  /** Takes the next event. */
  show(event: RunEvent): void;
}
