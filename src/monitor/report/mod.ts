/**
 * Reports: the records of a run as text for a terminal.
 *
 * What the dashboard shows as pages is told here in lines: a run in short with its worst episodes and
 * what is wrong with it, a step's groups, an episode to the token, and two runs with their
 * differences. Pure functions from records to text; the command line prints it.
 *
 * @module
 */
export { compareReport } from "./compare_report.ts";
export { type CompareRow, compareRuns } from "./compare_runs.ts";
export { episodeReport } from "./episode_report.ts";
export {
  runReport,
  type RunReportOptions,
  worstEpisodes,
} from "./run_report.ts";
export { readable } from "../dashboard/page/visible.js";
