import { z } from "../../deps/zod.ts";

/** The policy loss: a preset, and what is changed about it. */
export interface AlgorithmConfig {
  readonly preset: typeof PRESETS[number];
  readonly advantage: typeof ADVANTAGES[number] | null;
  readonly clip_low: number | null;
  readonly clip_high: number | null;
  readonly aggregation: typeof AGGREGATIONS[number] | null;
  readonly kl: typeof KL_ESTIMATORS[number] | null;
  readonly kl_coefficient: number | null;
  readonly entropy_bonus: number | null;
  readonly importance_cap: number | null;
}

const PRESETS = [
  "grpo",
  "drgrpo",
  "dapo",
  "rloo",
  "reinforce++",
  "gspo",
  "cispo",
] as const;
const ADVANTAGES = [
  "group_std",
  "group_mean",
  "leave_one_out",
  "batch",
] as const;
const AGGREGATIONS = ["token", "sequence", "episode", "constant"] as const;
const KL_ESTIMATORS = ["none", "k1", "k2", "k3"] as const;

/** Schema of `train.algorithm`. */
export const algorithmSchema: z.ZodType<AlgorithmConfig> = z.strictObject({
  preset: z.enum(PRESETS).default("grpo").describe(
    "Policy loss by its name; the keys below change parts of it, null leaves them as the preset has them.",
  ),
  advantage: z.enum(ADVANTAGES).nullable().default(null).describe(
    "How rewards become advantages.",
  ),
  clip_low: z.number().min(0).lt(1).nullable().default(null).describe(
    "The probability ratio is clipped below 1 − clip_low.",
  ),
  clip_high: z.number().min(0).nullable().default(null).describe(
    "The probability ratio is clipped above 1 + clip_high.",
  ),
  aggregation: z.enum(AGGREGATIONS).nullable().default(null).describe(
    "What is averaged over: every token alike, or first within each sequence or episode.",
  ),
  kl: z.enum(KL_ESTIMATORS).nullable().default(null).describe(
    "Estimator of the KL divergence from the model that training began with.",
  ),
  kl_coefficient: z.number().min(0).nullable().default(null).describe(
    "Weight of the KL term in the loss.",
  ),
  entropy_bonus: z.number().nullable().default(null).describe(
    "Weight of the entropy in the loss; positive keeps the policy more random.",
  ),
  importance_cap: z.number().positive().nullable().default(null).describe(
    "Upper bound of the importance weight that corrects the gap between engine and trainer.",
  ),
}).prefault({}).describe("The policy loss.");
