import type { Task } from "../reader/mod.ts";
import type { WorkflowOutput } from "./types.ts";
import { answersOf } from "./_answers.ts";

const SIGN = /(?:(?<![\w.])[-+])?/;
const WHOLE = /(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)/;
const EXPONENT = /(?:e[-+]?\d+)?/;
const NUMBER = new RegExp(
  `${SIGN.source}(?:${WHOLE.source}(?:\\.\\d+)?|\\.\\d+)${EXPONENT.source}`,
  "gi",
);

/** Answers this close, relative to the expected one, are equal. */
const TOLERANCE = 1e-6;

/**
 * 1 if the last number in the given answer equals the last one in the expected answer, else 0.
 *
 * `"She pays $1,250.00"` matches `1250`. Numbers are equal within a relative 1e-6.
 *
 * @throws {TypeError} If the task has no expected answer, or it holds no number.
 */
export function numberMatch(task: Task, output: WorkflowOutput): number {
  const answers = answersOf(task, output);
  const expected = lastNumber(answers.expected);
  if (expected === undefined) {
    throw new TypeError(
      `The expected answer of task "${task.id}" holds no number: "${answers.expected}"`,
    );
  }
  const given = lastNumber(answers.given);
  if (given === undefined) return 0;
  const gap = Math.abs(given - expected);
  return gap <= TOLERANCE * Math.abs(expected) ? 1 : 0;
}

function lastNumber(text: string): number | undefined {
  const last = text.match(NUMBER)?.at(-1);
  return last === undefined ? undefined : Number(last.replaceAll(",", ""));
}
