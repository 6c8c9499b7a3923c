import { z } from "../../deps/zod.ts";

/** How many episodes run, how they sample, and when they are given up. */
export interface RolloutConfig {
  readonly batch_tasks: number;
  readonly group_size: number;
  readonly concurrency: number;
  readonly workers: number;
  readonly temperature: number;
  readonly top_p: number;
  readonly top_k: number;
  readonly min_p: number;
  readonly max_tokens: number;
  readonly deadline: number;
  readonly idle: number;
  readonly retries: number;
  readonly failure_budget: number;
  readonly refills: number | null;
  readonly max_staleness: number;
}

/** Schema of `rollout`. */
export const rolloutSchema: z.ZodType<RolloutConfig> = z.strictObject({
  batch_tasks: z.int().min(1).default(16).describe("Tasks in a training step."),
  group_size: z.int().min(1).default(8).describe(
    "Episodes of each task, compared with one another.",
  ),
  concurrency: z.int().min(1).default(128).describe(
    "Most episodes in progress at the same time.",
  ),
  workers: z.int().min(1).default(2).describe(
    "Fenced processes that share the episodes.",
  ),
  temperature: z.number().positive().default(1).describe(
    "Sampling temperature of training episodes.",
  ),
  top_p: z.number().positive().max(1).default(1).describe(
    "Keeps the likeliest tokens that together have this probability; 1 keeps all.",
  ),
  top_k: z.int().min(0).default(0).describe(
    "Keeps this many of the likeliest tokens; 0 keeps all.",
  ),
  min_p: z.number().min(0).lt(1).default(0).describe(
    "Drops tokens less likely than this share of the likeliest one; 0 drops none.",
  ),
  max_tokens: z.int().min(1).default(512).describe(
    "Most tokens sampled in one call; a workflow may ask for fewer.",
  ),
  deadline: z.number().positive().default(600).describe(
    "Seconds after which an episode is cancelled.",
  ),
  idle: z.number().positive().default(120).describe(
    "Seconds without a call in progress after which an episode is cancelled.",
  ),
  retries: z.int().min(0).default(1).describe(
    "Times that a failed episode is run again.",
  ),
  failure_budget: z.number().min(0).max(1).default(0.5).describe(
    "Share of a step's episodes that may fail before the run stops.",
  ),
  refills: z.int().min(0).nullable().default(null).describe(
    "Times that a step draws new tasks in place of those whose rewards are all equal; null is 3 under dapo, else 0.",
  ),
  max_staleness: z.int().min(0).default(0).describe(
    "Versions that the weights behind an episode may lack while newer ones are trained; 0 rolls out and trains in turn, and alone repeats bit for bit.",
  ),
}).prefault({}).describe(
  "How many episodes run, how they sample, and when they are given up.",
);
