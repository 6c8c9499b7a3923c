import type { Evaluation, View } from "../monitor/mod.ts";

/** How a command watches and ends what it starts. */
export interface LaunchOptions {
  /** Is told what happens; the caller opens and closes it. */
  readonly view: View;
  /** Aborted to end well: the step at work is finished and saved. */
  readonly stop?: AbortSignal;
  /** Aborted to end at once: whatever is not saved yet is given up. */
  readonly signal?: AbortSignal;
}

/** How `train` starts a run. */
export interface TrainOptions extends LaunchOptions {
  /** Directory of the run to continue; its own saved configuration is `config` then. */
  readonly resume?: string;
  /** What users type to run this program, for the command that continues a run. @default "astuner" */
  readonly program?: string;
}

/** How a training run ended. */
export interface Summary {
  /** The run directory. */
  readonly run: string;
  /** Steps taken in all, those before a resume included. */
  readonly steps: number;
  /** Wall time of this process's part of the run. */
  readonly seconds: number;
  /** False where the run was asked to stop before its last step. */
  readonly finished: boolean;
  /** Success on the held-out tasks; null where it was not measured. */
  readonly eval: {
    readonly before: Evaluation | null;
    readonly after: Evaluation | null;
  };
}
