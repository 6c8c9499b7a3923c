import type { EpisodeError } from "../errors.ts";
import type { WorkflowOutput } from "../judge/mod.ts";
import type { Task } from "../reader/mod.ts";

/** What a workflow is given to reach the model: an OpenAI-compatible endpoint of its episode. */
export interface Tuner extends Endpoint {
  /** The same endpoint under an agent's own name, so that agents are told apart in the records. */
  agent(name: string): Tuner;
  /** Aborts when the episode is cancelled; pass it on to cancel what the workflow awaits. */
  readonly signal: AbortSignal;
}

/** An OpenAI-compatible endpoint that belongs to one episode. */
export interface Endpoint {
  /** Ends in `/v1`; pass it as the client's base URL. */
  readonly baseUrl: string;
  /** Dies with the episode. */
  readonly apiKey: string;
  /** Model name to send. */
  readonly model: string;
}

/** An agent as a plain function: the default export of a workflow file. */
export type WorkflowFunction = (
  task: Task,
  tuner: Tuner,
) => Promise<WorkflowOutput | number> | WorkflowOutput | number;

/** How one episode went inside its fence. */
export interface EpisodeOutcome {
  /** A finite number. */
  readonly reward: number;
  /** Whether the task was solved. */
  readonly success: boolean;
  /** What workflow and judge leave with the episode; JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Numbers that workflow and judge measured. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** One episode to run. */
export interface EpisodeJob {
  /** What the agent is asked. */
  readonly task: Task;
  /** Where it reaches the model. */
  readonly endpoint: Endpoint;
  /** What the workflow returned already, elsewhere: only the judge is asked. */
  readonly output?: WorkflowOutput;
  /** Cancels the episode; an `EpisodeError` as its reason becomes the episode's failure. */
  readonly signal?: AbortSignal;
  /**
   * Times that the process under this episode has died: it then runs in smaller company, and at
   * last alone, until it is known whether the fault is its own. @default 0
   */
  readonly displaced?: number;
  /** Called when the episode has its place in a process: now its time begins. */
  readonly onStart?: () => void;
  /** Called at each sign of life from the episode itself. */
  readonly onProgress?: () => void;
}

/** How a run of an episode ended, and what it printed meanwhile. */
export type EpisodeResult = EpisodeFinished | EpisodeFailed | EpisodeDisplaced;

/** The workflow ran to its end and there is a reward. */
export interface EpisodeFinished {
  /** Tells the results apart. */
  readonly kind: "finished";
  /** What workflow and judge made of it. */
  readonly outcome: EpisodeOutcome;
  /** What the episode printed. */
  readonly log: string;
}

/** The episode failed by its own fault, or was cancelled. */
export interface EpisodeFailed {
  /** Tells the results apart. */
  readonly kind: "failed";
  /** What went wrong, where, and what to do. */
  readonly error: EpisodeError;
  /** What the episode printed. */
  readonly log: string;
}

/** The process died under several episodes; this one may be innocent and should run again. */
export interface EpisodeDisplaced {
  /** Tells the results apart. */
  readonly kind: "displaced";
  /** How the process died. */
  readonly error: EpisodeError;
  /** What the episode printed. */
  readonly log: string;
}

/** What runs episodes: fenced processes here; other carriers of user code can stand beside them. */
export interface EpisodeRunner {
  /**
   * Runs one episode to its end.
   *
   * @throws The reason of `job.signal`, where that is not an `EpisodeError`.
   */
  run(job: EpisodeJob): Promise<EpisodeResult>;
}

/** What is let through the fence besides the gateway and the code's own folders. */
export interface Allowance {
  /** Hosts, as `host` or `host:port`. */
  readonly net?: readonly string[];
  /** Files and folders. */
  readonly read?: readonly string[];
  /** Names of environment variables. */
  readonly env?: readonly string[];
}
