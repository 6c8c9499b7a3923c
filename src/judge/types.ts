import type { Task } from "../reader/mod.ts";

/** What a workflow returns. Without a `reward`, the judge is asked for one. */
export interface WorkflowOutput {
  /** Any finite number. */
  readonly reward?: number;
  /** Whether the task was solved; `reward > 0` where it is not said. */
  readonly success?: boolean;
  /** Passed to the judge and kept with the episode; JSON. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** Numbers averaged into the step's metrics. */
  readonly metrics?: Readonly<Record<string, number>>;
}

/** A judge as a plain function: the default export of a judge file. */
export type JudgeFunction = (
  task: Task,
  output: WorkflowOutput,
) => Promise<WorkflowOutput | number> | WorkflowOutput | number;
