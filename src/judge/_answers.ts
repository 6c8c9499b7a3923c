import type { Task } from "../reader/mod.ts";
import type { WorkflowOutput } from "./types.ts";

/** The two answers a judge compares, as text. */
export interface Answers {
  readonly expected: string;
  /** Empty where the workflow left none: a wrong answer, not an error. */
  readonly given: string;
}

/** @throws {TypeError} If the task has no expected answer. */
export function answersOf(task: Task, output: WorkflowOutput): Answers {
  const expected = task.metadata.answer;
  if (expected === undefined || expected === null) {
    throw new TypeError(
      `The task "${task.id}" has no expected answer: add the field "answer" to its line`,
    );
  }
  return {
    expected: String(expected).trim(),
    given: String(output.metadata?.answer ?? "").trim(),
  };
}
