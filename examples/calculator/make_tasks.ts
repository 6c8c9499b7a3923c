/**
 * Writes the quickstart's data set, `train.jsonl` and `validation.jsonl`: `deno task make-tasks`.
 *
 * @module
 */
import { drawProblem, isHeldOut, type Problem } from "./problems.ts";
import { Random } from "./random.ts";

/** Tasks of the training split; one run of the quickstart draws about 1,000 of them. */
const TRAIN_TASKS = 1536;
/** Tasks of the validation split. */
const VALIDATION_TASKS = 256;

/**
 * The lines of both files, the same for the same seed.
 *
 * Questions of the training split are distinct. Those of the validation split are distinct in their
 * numbers and operation too, and no pair of their numbers occurs in the training split.
 */
export function makeTasks(seed: number): { train: string; validation: string } {
  const random = new Random(seed);
  const train = new Map<string, Problem>();
  const validation = new Map<string, Problem>();
  while (train.size < TRAIN_TASKS || validation.size < VALIDATION_TASKS) {
    const problem = drawProblem(random);
    const { question, a, operation, b } = problem;
    if (!isHeldOut(problem)) {
      if (train.size < TRAIN_TASKS) train.set(question, problem);
    } else if (validation.size < VALIDATION_TASKS) {
      validation.set(`${a}${operation}${b}`, problem);
    }
  }
  return {
    train: jsonLines("train", train.values()),
    validation: jsonLines("validation", validation.values()),
  };
}

function jsonLines(split: string, problems: Iterable<Problem>): string {
  return Array.from(problems, ({ question, answer }, index) =>
    JSON.stringify({
      id: `${split}-${index + 1}`,
      query: question,
      metadata: { answer },
    }) + "\n").join("");
}

if (import.meta.main) {
  for (const [split, lines] of Object.entries(makeTasks(1))) {
    await Deno.writeTextFile(new URL(`${split}.jsonl`, import.meta.url), lines);
  }
}
