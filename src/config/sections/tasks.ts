import { z } from "../../deps/zod.ts";
import { inputPath } from "./_path.ts";

/** Where the tasks come from, and which are held out. */
export interface TasksConfig {
  readonly train: string;
  readonly validation: string | null;
  readonly validation_ratio: number;
  readonly split_key: string;
  readonly shuffle: boolean;
}

/** Schema of `tasks`. */
export const tasksSchema: z.ZodType<TasksConfig> = z.strictObject({
  train: inputPath("./train.jsonl").describe(
    "JSONL file of tasks, one object a line: id, query, optionally messages, and anything the judge needs.",
  ),
  validation: inputPath("./validation.jsonl").nullable().default(null).describe(
    "JSONL file of held-out tasks, where they have a file of their own.",
  ),
  validation_ratio: z.number().min(0).lt(1).default(0).describe(
    "Share of the training file held out, drawn by seed, where there is no file of held-out tasks.",
  ),
  split_key: z.string().min(1).default("split").describe(
    'Field of a line that may say "train" or "validation", where one file holds both.',
  ),
  shuffle: z.boolean().default(true).describe(
    "Draw the training tasks of each epoch in an order given by the seed, not by the file.",
  ),
}).describe("Where the tasks come from, and which are held out.");
