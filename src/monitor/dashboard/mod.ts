/**
 * Dashboard: the records of one run or several, as a page in a browser.
 *
 * A `Dashboard` is a small HTTP server on a thread of its own: one page that needs no build step,
 * questions about the runs as JSON, and a stream that says when something new was recorded. It only
 * reads; all it knows comes from the records, and from the events of a run that is at work in the
 * same process. It listens on this machine alone unless told otherwise, and then wants a token. What
 * models wrote is shown as text, never as HTML.
 *
 * @module
 */
export { type EpisodeAnswer, episodeAnswer } from "./_episode_answer.ts";
export type { DashboardOptions } from "./_protocol.ts";
export { Dashboard } from "./dashboard.ts";
