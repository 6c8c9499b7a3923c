/**
 * Rollout: which episode runs when.
 *
 * It runs `groupSize` episodes of each task at a bounded concurrency, gives every attempt a session
 * at the gateway and a seed that follows from its place, ends episodes that take too long or stand
 * still, runs failed ones again, and hands back groups in order, whatever order they finished in. A
 * failed episode is data; only when too many fail does the rollout end, and then nothing finished is
 * lost. It runs no user code (the runner does), samples nothing (the gateway and its engine do), and
 * computes no advantage (the trainer does). Gateway and runner are the caller's, who closes them.
 *
 * @module
 */
export type { EpisodeHost, HostedEpisode } from "./episode_host.ts";
export { FailureBudgetError } from "./failure_budget_error.ts";
export { rollout } from "./rollout.ts";
export type { RolloutOptions, RolloutProgress } from "./rollout_options.ts";
export type * from "./types.ts";
