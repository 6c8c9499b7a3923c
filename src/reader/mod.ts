/**
 * Readers: tasks in.
 *
 * @module
 */
export type * from "./task.ts";
