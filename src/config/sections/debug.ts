import { z } from "../../deps/zod.ts";

/** What `--backbone=debug` runs. */
export interface DebugConfig {
  readonly tasks: number;
  readonly only: readonly string[];
  readonly episodes: number;
  readonly concurrency: number;
}

/** Schema of `debug`. */
export const debugSchema: z.ZodType<DebugConfig> = z.strictObject({
  tasks: z.int().min(1).default(3).describe(
    "Tasks to run, the first ones of tasks.train.",
  ),
  only: z.array(z.string()).default([]).describe(
    "Ids of the tasks to run, in place of the first ones.",
  ),
  episodes: z.int().min(1).default(1).describe("Episodes of each task."),
  concurrency: z.int().min(1).default(1).describe(
    "Most episodes in progress at the same time.",
  ),
}).prefault({}).describe("What train.backbone debug runs and shows.");
