import { calculate } from "./calculate.ts";
import type { Random } from "./random.ts";

/** What a problem asks to be done with its two numbers. */
export type Operation = "+" | "-" | "*";

/** A one-step word problem. */
export interface Problem {
  /** Such as "Tom has 25 apples and loses 20. How many?". */
  readonly question: string;
  readonly a: number;
  readonly operation: Operation;
  readonly b: number;
  readonly answer: number;
}

const PEOPLE = ["Tom", "Ann", "Bob", "Eva", "Max", "Lia", "Sam", "Zoe"];
const THINGS = ["apples", "coins", "books", "cards", "pens", "eggs"];

/** Draws a problem; the three operations are equally likely, and so are the wordings of each. */
export function drawProblem(random: Random): Problem {
  const operation = random.pick<Operation>(["+", "-", "*"]);
  const [a, b] = drawNumbers(random, operation);
  const who = random.pick(PEOPLE);
  const thing = random.pick(THINGS);
  const story = {
    "+": `${a} ${thing} and ${random.pick(["finds", "buys", "gets"])} ${b}`,
    "-": `${a} ${thing} and ${random.pick(["loses", "eats", "sells"])} ${b}`,
    "*": `${a} ${random.pick(["boxes", "bags", "packs"])} of ${b} ${thing}`,
  }[operation];
  return {
    question: `${who} has ${story}. How many?`,
    a,
    operation,
    b,
    answer: calculate(`${a}${operation}${b}`)!,
  };
}

/**
 * Whether a problem is kept for evaluation: about one pair of numbers in five, whatever is done
 * with them, so that no pair of the validation split occurs in training under any operation.
 */
export function isHeldOut({ a, b }: Pick<Problem, "a" | "b">): boolean {
  return ((a * 73856093 ^ b * 19349663) >>> 0) % 5 === 0;
}

/** Draws problems until one belongs to the training split. */
export function drawTrainingProblem(random: Random): Problem {
  let problem = drawProblem(random);
  while (isHeldOut(problem)) problem = drawProblem(random);
  return problem;
}

function drawNumbers(random: Random, operation: Operation): [number, number] {
  switch (operation) {
    case "+":
      return [random.integer(2, 49), random.integer(2, 49)];
    case "-": {
      const a = random.integer(3, 49);
      return [a, random.integer(2, a - 1)];
    }
    case "*":
      return [random.integer(2, 20), random.integer(2, 20)];
  }
}
