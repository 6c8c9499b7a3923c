/** Which half of a data set a task belongs to. */
export type Split = "train" | "validation";

/** One problem for the agent. */
export interface Task {
  /** The user's label; groups are keyed internally, so labels may repeat or be empty. */
  readonly id: string;
  /** What the agent is asked. */
  readonly query: string;
  /** Messages that open the conversation, where the task brings its own. */
  readonly messages?: readonly TaskMessage[];
  /** Anything else the workflow and the judge need, such as the expected answer. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Whether it is learned from or measured with. */
  readonly split: Split;
}

/** A chat message of a task. */
export interface TaskMessage {
  /** Who speaks. */
  readonly role: "system" | "user" | "assistant" | "tool";
  /** What is said. */
  readonly content: string;
}

/** The tasks of a run. */
export interface TaskSet {
  /** Tasks to learn from, in the order of their file. */
  readonly train: readonly Task[];
  /** Tasks held out to measure with, in the order of their file. */
  readonly validation: readonly Task[];
}

/** A reader of the user's own, in place of a file: rows as a JSONL line would hold them. */
export type TaskSource = () =>
  | Iterable<unknown>
  | AsyncIterable<unknown>
  | Promise<Iterable<unknown> | AsyncIterable<unknown>>;
