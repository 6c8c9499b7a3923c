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
  readonly split: "train" | "validation";
}

/** A chat message of a task. */
export interface TaskMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
}
