import type { EpisodeStage } from "../errors.ts";
import type { WorkflowOutput } from "../judge/mod.ts";
import type { Task } from "../reader/mod.ts";
import type { Endpoint, EpisodeOutcome } from "./types.ts";

/** What the fenced side is told as it starts. */
export interface FenceOptions {
  /** Opens each message on standard output, so that what user code writes there is told apart. */
  readonly marker: string;
  /** Seconds between two heartbeats. */
  readonly beatSeconds: number;
  /** Folders of the user's code, as URLs that end in a slash; errors point into these first. */
  readonly folders: readonly string[];
  /** Name of a built-in judge, where the user brings no judge file. */
  readonly judge?: string;
}

/** From the program to the fenced process. */
export type ToFence =
  | {
    readonly kind: "run";
    readonly id: number;
    readonly task: Task;
    readonly endpoint: Endpoint;
    /** What the workflow returned already, elsewhere; then only the judge is asked. */
    readonly output?: WorkflowOutput | undefined;
  }
  | { readonly kind: "cancel"; readonly id: number; readonly reason: string };

/** From the fenced process to the program. */
export type FromFence =
  | { readonly kind: "ready" }
  /** The user's modules loaded, but are not what they should be. */
  | { readonly kind: "unusable"; readonly message: string }
  /** The event loop turns; `rss` is the process's resident memory in bytes. */
  | { readonly kind: "beat"; readonly rss: number }
  | { readonly kind: "print"; readonly id: number; readonly text: string }
  | {
    readonly kind: "finished";
    readonly id: number;
    readonly outcome: EpisodeOutcome;
  }
  | {
    readonly kind: "failed";
    readonly id: number;
    readonly stage: EpisodeStage;
    readonly message: string;
  }
  /** User code of the episode has returned; nothing of it runs any more. */
  | { readonly kind: "settled"; readonly id: number };
