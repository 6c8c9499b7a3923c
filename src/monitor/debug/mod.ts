/**
 * Debug: one episode as it happened, for whoever writes the agent.
 *
 * `episodeAccount` gathers an episode into plain JSON: messages, tool calls, tokens, logprobs, reward,
 * output, timings, the user's own line where it failed, and how its calls would merge in training.
 * `accountReport` writes that for a terminal, `groupReport` what the episodes of a task are together. Nothing is stored here; `records/` does that for runs.
 *
 * @module
 */
export { accountReport, type AccountReportOptions } from "./account_report.ts";
export {
  episodeAccount,
  type EpisodeAccountOptions,
} from "./episode_account.ts";
export { groupReport } from "./group_report.ts";
export type * from "./types.ts";
