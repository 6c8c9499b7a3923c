/**
 * Monitor: what a run leaves on disk, and what it shows while it works.
 *
 * `RunStore` owns the run directory: configuration, metrics, evaluations, episodes, and the place
 * of the checkpoints (whose content is the backbone's). A `View` takes the run's events and shows
 * them: live on a terminal, as lines in a log, or as JSON for another program. Nothing here decides
 * what a run does or computes a metric; events come from the backbone and the launcher, which also
 * close the store and the view.
 *
 * @module
 */
export * from "./events.ts";
export * from "./explain_write.ts";
export * from "./json_view.ts";
export * from "./line_view.ts";
export * from "./memory_use.ts";
export * from "./open_view.ts";
export * from "./run_store.ts";
export * from "./terminal_view.ts";
