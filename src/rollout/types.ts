import type { Task } from "../reader/mod.ts";
import type { TokenTree } from "../tracker/mod.ts";

/** One finished episode: data, whether it went well or not. */
export interface Episode {
  /** Unique within the run. */
  readonly id: string;
  /** Internal key of the group it belongs to. */
  readonly group: string;
  /** Place within its group, from 0. */
  readonly index: number;
  readonly task: Task;
  /** Every call, as the engine saw it. */
  readonly tree: TokenTree;
  /** NaN where the episode failed. */
  readonly reward: number;
  readonly success: boolean;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly metrics: Readonly<Record<string, number>>;
  readonly log: string;
  /** Why it failed; absent where it did not. */
  readonly error?: { readonly stage: string; readonly message: string };
  /** Attempts made, the last one included. */
  readonly attempts: number;
  readonly seconds: number;
}

/** The episodes of one task that are compared with one another. */
export interface Group {
  readonly key: string;
  readonly task: Task;
  /** In order of `index`, whatever order they finished in. */
  readonly episodes: readonly Episode[];
}
