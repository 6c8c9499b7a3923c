import type { Task } from "../reader/mod.ts";
import type { TokenTree } from "../tracker/mod.ts";
import type { MessageTree } from "../tuner/mod.ts";

/** One finished episode: data, whether it went well or not. */
export interface Episode {
  /** Unique within the run. */
  readonly id: string;
  /** Internal key of the group it belongs to. */
  readonly group: string;
  /** Place within its group, from 0. */
  readonly index: number;
  /** What the agent was asked. */
  readonly task: Task;
  /** Every call, as the engine saw it. */
  readonly tree: TokenTree;
  /** The same calls as messages, for people to read; absent where they were not kept. */
  readonly messages?: MessageTree;
  /** NaN where the episode failed. */
  readonly reward: number;
  /** Whether the task was solved. */
  readonly success: boolean;
  /** What workflow and judge left with the episode; JSON. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Numbers that workflow and judge measured. */
  readonly metrics: Readonly<Record<string, number>>;
  /** What the last attempt printed. */
  readonly log: string;
  /** Why it failed; absent where it did not. */
  readonly error?: { readonly stage: string; readonly message: string };
  /** Attempts made, the last one included; those undone by another's fault do not count. */
  readonly attempts: number;
  /** Wall time of all attempts. */
  readonly seconds: number;
}

/** The episodes of one task that are compared with one another. */
export interface Group {
  /** Unique within the run. */
  readonly key: string;
  /** What its episodes were asked. */
  readonly task: Task;
  /** In order of `index`, whatever order they finished in. */
  readonly episodes: readonly Episode[];
}
