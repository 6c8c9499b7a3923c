import { calculate } from "../../examples/calculator/calculate.ts";
import { makeTasks } from "../../examples/calculator/make_tasks.ts";
import {
  drawProblem,
  drawTrainingProblem,
  isHeldOut,
} from "../../examples/calculator/problems.ts";
import { Random } from "../../examples/calculator/random.ts";
import { assertEquals, assertTrue } from "../assert.ts";

const FOLDER = new URL("../../examples/calculator/", import.meta.url);

/** A task as it stands in the data set. */
interface TaskLine {
  readonly id: string;
  readonly query: string;
  readonly metadata: { readonly answer: number };
}

async function readTasks(split: string): Promise<TaskLine[]> {
  const text = await Deno.readTextFile(new URL(`${split}.jsonl`, FOLDER));
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

/** The numbers and the operation a question is about, read from its words. */
function parse({ query }: TaskLine): { a: number; op: string; b: number } {
  const [a, b] = query.match(/\d+/g)!.map(Number) as [number, number];
  const op = / of /.test(query)
    ? "*"
    : /finds|buys|gets/.test(query)
    ? "+"
    : "-";
  return { a, op, b };
}

Deno.test("calculate() knows sums, differences and products, and nothing else", () => {
  assertEquals(calculate("25+20"), 45);
  assertEquals(calculate("2-20"), -18);
  assertEquals(calculate("12*12"), 144);
  for (const text of ["", "7", "1+2+3", "1 + 2", "6/3", "-1+2", "1+x", "1+"]) {
    assertEquals(calculate(text), undefined, text);
  }
});

Deno.test("drawProblem() stays within the ranges and uses every operation alike", () => {
  const random = new Random(5);
  const counts = { "+": 0, "-": 0, "*": 0 };
  for (let i = 0; i < 3000; i++) {
    const { question, a, operation, b, answer } = drawProblem(random);
    counts[operation]++;
    const most = operation === "*" ? 20 : 49;
    assertTrue(a >= 2 && a <= most && b >= 2 && b <= most, question);
    assertTrue(answer > 0, question);
    assertEquals(calculate(`${a}${operation}${b}`), answer);
  }
  for (const count of Object.values(counts)) {
    assertTrue(Math.abs(count - 1000) < 100, JSON.stringify(counts));
  }
});

Deno.test("drawTrainingProblem() never draws a held-out pair of numbers", () => {
  const random = new Random(6);
  for (let i = 0; i < 3000; i++) {
    assertTrue(!isHeldOut(drawTrainingProblem(random)));
  }
});

Deno.test("Random gives the same sequence for the same seed, and another for another", () => {
  const draw = (seed: number) => {
    const random = new Random(seed);
    return [random.real(), random.integer(1, 6), random.pick(["a", "b"])];
  };
  assertEquals(draw(1), draw(1));
  assertTrue(draw(1)[0] !== draw(2)[0]);
});

Deno.test("Random.choose() follows its weights and Random.normal() is standard", () => {
  const random = new Random(7);
  let rare = 0, sum = 0, squares = 0;
  for (let i = 0; i < 10_000; i++) {
    if (random.choose({ often: 0.9, rare: 0.1 }) === "rare") rare++;
    const x = random.normal();
    sum += x;
    squares += x * x;
  }
  assertTrue(Math.abs(rare / 10_000 - 0.1) < 0.01);
  assertTrue(Math.abs(sum / 10_000) < 0.04);
  assertTrue(Math.abs(squares / 10_000 - 1) < 0.06);
});

Deno.test("the committed tasks are those that make_tasks.ts writes", async () => {
  for (const [split, lines] of Object.entries(makeTasks(1))) {
    assertEquals(
      await Deno.readTextFile(new URL(`${split}.jsonl`, FOLDER)),
      lines,
    );
  }
});

Deno.test("the splits share no pair of numbers, and answers are right", async () => {
  const train = await readTasks("train");
  const validation = await readTasks("validation");
  assertEquals([train.length, validation.length], [1536, 256]);
  const pairs = new Set(train.map(parse).map(({ a, b }) => `${a},${b}`));
  for (const task of validation) {
    const { a, b } = parse(task);
    assertTrue(!pairs.has(`${a},${b}`), task.query);
  }
  for (const task of [...train, ...validation]) {
    const { a, op, b } = parse(task);
    assertEquals(calculate(`${a}${op}${b}`), task.metadata.answer, task.query);
  }
});

Deno.test("tasks are distinct, and each operation has its share of the validation split", async () => {
  const train = await readTasks("train");
  const validation = await readTasks("validation");
  assertEquals(new Set(train.map((task) => task.query)).size, 1536);
  assertEquals(
    new Set([...train, ...validation].map((task) => task.id)).size,
    1792,
  );
  const problems = validation.map(parse);
  assertEquals(
    new Set(problems.map(({ a, op, b }) => `${a}${op}${b}`)).size,
    256,
  );
  for (const op of ["+", "-", "*"]) {
    const share = problems.filter((problem) => problem.op === op).length;
    assertTrue(share >= 55, `${op}: ${share}`);
  }
});
