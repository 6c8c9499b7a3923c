import { z } from "../../deps/zod.ts";

/** How the policy is measured on held-out tasks. */
export interface EvalConfig {
  readonly tasks: number | null;
  readonly before: boolean;
  readonly after: boolean;
  readonly every: number;
  readonly draws: number;
  readonly temperature: number;
  readonly greedy: boolean;
}

/** Schema of `eval`. */
export const evalSchema: z.ZodType<EvalConfig> = z.strictObject({
  tasks: z.int().min(1).nullable().default(null).describe(
    "Held-out tasks used, the first of their file; null uses all.",
  ),
  before: z.boolean().default(true).describe("Evaluate before the first step."),
  after: z.boolean().default(true).describe("Evaluate after the last step."),
  every: z.int().min(0).default(0).describe(
    "Evaluate after each so many steps; 0 never does.",
  ),
  draws: z.int().min(0).default(1).describe(
    "Sampled episodes of each task; 0 leaves sampled success out.",
  ),
  temperature: z.number().positive().default(1).describe(
    "Sampling temperature of the sampled episodes.",
  ),
  greedy: z.boolean().default(true).describe(
    "Also run each task once with the likeliest token at every place.",
  ),
}).prefault({}).describe("How the policy is measured on held-out tasks.");
