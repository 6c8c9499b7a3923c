import type { Task } from "../reader/mod.ts";
import type { WorkflowOutput } from "./types.ts";
import { answersOf } from "./_answers.ts";

/**
 * 1 if the given answer is the expected one, spaces around them aside, else 0.
 *
 * @throws {TypeError} If the task has no expected answer.
 */
export function exactMatch(task: Task, output: WorkflowOutput): number {
  const { expected, given } = answersOf(task, output);
  return given === expected ? 1 : 0;
}
