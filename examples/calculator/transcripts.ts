import type { ChatMessage } from "../../src/model/mod.ts";
import { calculate } from "./calculate.ts";
import {
  drawTrainingProblem,
  type Operation,
  type Problem,
} from "./problems.ts";
import type { Random } from "./random.ts";

/** How likely the agent calls each operation for a problem that needs the one on the left. */
const CALLED: Readonly<Record<Operation, Readonly<Record<Operation, number>>>> =
  {
    "+": { "+": 0.70, "-": 0.20, "*": 0.10 },
    "-": { "+": 0.55, "-": 0.30, "*": 0.15 },
    "*": { "+": 0.50, "-": 0.20, "*": 0.30 },
  };

/**
 * Draws the transcript of an imperfect agent at work on a training problem: what the base model
 * learns to imitate.
 *
 * The agent chooses badly but copies faithfully. Two times in five it guesses instead of calling the
 * calculator, and is never right; where it calls, it prefers to add whatever the words say, and now
 * and then mixes up the numbers; a quarter of its results are not announced as `Answer: N`. Fewer
 * than one transcript in five is a full success.
 */
export function drawTranscript(random: Random): ChatMessage[] {
  const problem = drawTrainingProblem(random);
  const question = { role: "user", content: problem.question };
  if (random.real() < 0.4) return [question, say(guess(random, problem))];

  const expression = chooseExpression(random, problem);
  const value = calculate(expression)!;
  return [
    question,
    {
      role: "assistant",
      tool_calls: [{
        function: { name: "calculator", arguments: { expression } },
      }],
    },
    { role: "tool", content: `${value}` },
    say(announce(random, value)),
  ];
}

function say(content: string): ChatMessage {
  return { role: "assistant", content };
}

function guess(random: Random, { answer }: Problem): string {
  const error = random.pick([-20, -10, -3, -2, -1, 1, 2, 3, 10, 20]);
  return `Answer: ${Math.max(0, answer + error)}`;
}

function chooseExpression(random: Random, problem: Problem): string {
  const { a, b } = problem;
  const operation = random.choose(CALLED[problem.operation]);
  const mixedUp = random.real() < 0.05;
  const [left, right] = mixedUp
    ? random.pick([[b, a], [a, a], [b, b]])
    : [a, b];
  return `${left}${operation}${right}`;
}

function announce(random: Random, value: number): string {
  const form = random.choose({ answer: 0.75, sentence: 0.125, bare: 0.125 });
  return {
    answer: `Answer: ${value}`,
    sentence: `It is ${value}`,
    bare: `${value}`,
  }[form];
}
