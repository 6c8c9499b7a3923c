/**
 * Judges: rewards for episodes.
 *
 * A judge is a function of a task and a workflow's output that returns a reward; users write their
 * own as the default export of a file. The ones here compare the answer that the workflow left in
 * `output.metadata.answer` with the one expected in `task.metadata.answer`; a judge file may call
 * them, and the YAML may name them. This room calls no model and knows nothing of the fence that
 * judges run in, which is the runner's.
 *
 * @module
 */
export { contains } from "./contains.ts";
export { exactMatch } from "./exact_match.ts";
export { numberMatch } from "./number_match.ts";
export { BUILT_IN_JUDGES } from "./built_in_judges.ts";
export type * from "./types.ts";
