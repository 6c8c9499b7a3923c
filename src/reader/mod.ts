/**
 * Readers: tasks in.
 *
 * A reader turns a JSONL file, or a function of the user's own, into checked `Task`s split into
 * training and validation, and a cursor hands them out in a seeded order that a resumed run repeats.
 * It does not know what a task is for: episodes are the rollout's, expected answers the judge's.
 * Every complaint about data is a `DataError` that names file, line and remedy.
 *
 * @module
 */
export { readTasks } from "./read_tasks.ts";
export type { ReadTasksOptions } from "./read_tasks.ts";
export { readJsonl } from "./read_jsonl.ts";
export type { JsonlRow } from "./read_jsonl.ts";
export { TaskCursor } from "./task_cursor.ts";
export type { TaskCursorOptions, TaskCursorState } from "./task_cursor.ts";
export { shuffled } from "./shuffled.ts";
export { deriveSeed } from "./derive_seed.ts";
export type * from "./task.ts";
