import type { Task } from "../reader/mod.ts";

/** What a workflow is given to reach the model: an OpenAI-compatible endpoint of its episode. */
export interface Tuner {
  /** Ends in `/v1`; pass it as the client's base URL. */
  readonly baseUrl: string;
  /** Dies with the episode. */
  readonly apiKey: string;
  /** Model name to send. */
  readonly model: string;
  /** The same endpoint under an agent's own name, so that agents are told apart in the records. */
  agent(name: string): Tuner;
  /** Aborts at the episode's deadline; pass it on to cancel what the workflow awaits. */
  readonly signal: AbortSignal;
}

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

/** An agent as a plain function: the default export of a workflow file. */
export type WorkflowFunction = (
  task: Task,
  tuner: Tuner,
) => Promise<WorkflowOutput | number> | WorkflowOutput | number;

/** A judge as a plain function: the default export of a judge file. */
export type JudgeFunction = (
  task: Task,
  output: WorkflowOutput,
) => Promise<WorkflowOutput | number> | WorkflowOutput | number;

/** How one episode went inside its fence. */
export interface EpisodeOutcome {
  readonly reward: number;
  readonly success: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number>>;
  /** What the workflow and the judge printed. */
  readonly log: string;
}
