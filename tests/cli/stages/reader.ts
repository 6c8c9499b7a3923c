import { readTasks, TaskCursor } from "../../../src/reader/mod.ts";

const source = new URL(
  "../../../examples/calculator/train.jsonl",
  import.meta.url,
);
const { train } = await readTasks({ source, validationRatio: 0.1 });
new TaskCursor(train).next(16);
