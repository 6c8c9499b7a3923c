import type { Task } from "../reader/mod.ts";
import type { EpisodeRunner } from "../runner/mod.ts";
import type { OpenEpisodeOptions } from "../tuner/mod.ts";
import type { EpisodeHost } from "./episode_host.ts";
import type { Episode, Group } from "./types.ts";

/** How a batch of tasks is rolled out. */
export interface RolloutOptions {
  /** The gateway. */
  readonly host: EpisodeHost;
  /** Runs the user's code. */
  readonly runner: EpisodeRunner;
  /** Seed of the run; with step, task, place and attempt it makes the seed of each session. */
  readonly seed: number;
  /** Training step that the batch belongs to. */
  readonly step: number;
  /** Opens the keys of the groups; unique within the run. @default `step-${step}` */
  readonly name?: string;
  /** Episodes of each task. @default 1 */
  readonly groupSize?: number;
  /** Most episodes in progress at the same time. @default 128 */
  readonly concurrency?: number;
  /** Sampling where a request says nothing. @default the gateway's */
  readonly sampling?: OpenEpisodeOptions["sampling"];
  /** Sampling whatever a request says, as in an evaluation. @default {} */
  readonly force?: OpenEpisodeOptions["force"];
  /** Seconds after which an attempt is cancelled; Infinity for never. @default 600 */
  readonly deadlineSeconds?: number;
  /** Seconds without a call in progress or output after which one is cancelled; Infinity for never. @default 120 */
  readonly idleSeconds?: number;
  /** Times that a failed episode is run again. @default 1 */
  readonly retries?: number;
  /** Pause before the first retry, doubled before each further one. @default 1 */
  readonly backoffSeconds?: number;
  /** Share of the batch that may fail, retries included, before the rollout ends. @default 0.5 */
  readonly failureBudget?: number;
  /**
   * Called once all groups are done; rolls the tasks it returns out as well, and asks again until
   * it returns none. DAPO (arXiv 2503.14476) so makes up for groups without spread.
   */
  readonly refill?: (groups: readonly Group[]) => readonly Task[];
  /** Called as each episode ends, in order of ending. */
  readonly onEpisode?: (episode: Episode) => void;
  /** Called as each episode starts or ends. */
  readonly onProgress?: (progress: RolloutProgress) => void;
  /** Cancels what runs, and makes the rollout throw its reason. */
  readonly signal?: AbortSignal;
}

/** How far a rollout has come. */
export interface RolloutProgress {
  /** Episodes of the batch. */
  readonly total: number;
  /** Episodes that ended, the failed ones included. */
  readonly done: number;
  /** Episodes that failed for good. */
  readonly failed: number;
  /** Episodes in progress. */
  readonly running: number;
  /** Tokens sampled by the episodes that ended. */
  readonly tokens: number;
}
