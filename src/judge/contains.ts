import type { Task } from "../reader/mod.ts";
import type { WorkflowOutput } from "./types.ts";
import { answersOf } from "./_answers.ts";

/**
 * 1 if the expected answer occurs anywhere in the given one, letter case aside, else 0.
 *
 * @throws {TypeError} If the task has no expected answer.
 */
export function contains(task: Task, output: WorkflowOutput): number {
  const { expected, given } = answersOf(task, output);
  return given.toLowerCase().includes(expected.toLowerCase()) ? 1 : 0;
}
