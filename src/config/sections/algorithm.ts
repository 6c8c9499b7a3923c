import { z } from "../../deps/zod.ts";

/** The policy loss: an algorithm by its name, and what is changed of it; null changes nothing. */
export interface AlgorithmConfig {
  readonly name: typeof NAMES[number];
  readonly advantage: typeof ADVANTAGES[number] | null;
  readonly deviation: "population" | "sample" | null;
  readonly advantage_epsilon: number | null;
  readonly normalisation: typeof NORMALISATIONS[number] | null;
  readonly constant_length: number | null;
  readonly surrogate: "clip" | "cispo" | "reinforce" | null;
  readonly ratio: "token" | "geometric_mean" | "product" | null;
  readonly clip_low: number | null;
  readonly clip_high: number | null;
  readonly dual_clip: number | null;
  readonly kl: "none" | "k1" | "k2" | "k3" | null;
  readonly kl_coefficient: number | null;
  readonly entropy_bonus: number | null;
  readonly importance: typeof IMPORTANCES[number] | null;
  readonly importance_cap: number | null;
  readonly importance_floor: number | null;
  readonly sequence_mask: typeof SEQUENCE_MASKS[number] | null;
  readonly sequence_mask_low: number | null;
  readonly sequence_mask_high: number | null;
}

const NAMES = [
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
  "group_mean_batch_std",
] as const;
const NORMALISATIONS = [
  "episode",
  "agent",
  "sequence",
  "token",
  "constant",
] as const;
const IMPORTANCES = [
  "none",
  "truncate",
  "mask",
  "episode_truncate",
  "episode_mask",
] as const;
const SEQUENCE_MASKS = ["none", "geometric_mean", "product"] as const;

/** Schema of `train.algorithm`. */
export const algorithmSchema: z.ZodType<AlgorithmConfig> = z.strictObject({
  name: z.enum(NAMES).default("grpo").describe(
    "The algorithm. The keys below replace parts of it; null leaves them as it has them.",
  ),
  advantage: z.enum(ADVANTAGES).nullable().default(null).describe(
    "What a reward is compared with, and in which unit.",
  ),
  deviation: z.enum(["population", "sample"]).nullable().default(null).describe(
    "Standard deviation over n or over n − 1.",
  ),
  advantage_epsilon: z.number().min(0).nullable().default(null).describe(
    "Added to the standard deviation.",
  ),
  normalisation: z.enum(NORMALISATIONS).nullable().default(null).describe(
    "What weighs the same in the loss: each episode, agent, timeline or token, or each token against constant_length.",
  ),
  constant_length: z.int().min(1).nullable().default(null).describe(
    "Tokens of an episode under the constant normalisation.",
  ),
  surrogate: z.enum(["clip", "cispo", "reinforce"]).nullable().default(null)
    .describe(
      "What is maximised: the clipped ratio times the advantage, or the advantage times the logprob under a capped ratio or none.",
    ),
  ratio: z.enum(["token", "geometric_mean", "product"]).nullable().default(null)
    .describe(
      "What the ratio of new to old probability is of: each token, or the episode's tokens together.",
    ),
  clip_low: z.number().min(0).max(1).nullable().default(null).describe(
    "The ratio is clipped below 1 − clip_low.",
  ),
  clip_high: z.number().min(0).nullable().default(null).describe(
    "The ratio is clipped above 1 + clip_high.",
  ),
  dual_clip: z.number().min(1).nullable().default(null).describe(
    "Cap of the ratio where the advantage is negative.",
  ),
  kl: z.enum(["none", "k1", "k2", "k3"]).nullable().default(null).describe(
    "Estimator of the KL divergence from the model that training began with.",
  ),
  kl_coefficient: z.number().min(0).nullable().default(null).describe(
    "Weight of that divergence in the loss; with 0 it is only measured.",
  ),
  entropy_bonus: z.number().nullable().default(null).describe(
    "Weight of the entropy that is rewarded.",
  ),
  importance: z.enum(IMPORTANCES).nullable().default(null).describe(
    "How the gap between engine and trainer is corrected: importance weights cut off at their bounds, or dropped beyond them.",
  ),
  importance_cap: z.number().positive().nullable().default(null).describe(
    "Upper bound of the importance weight.",
  ),
  importance_floor: z.number().min(0).nullable().default(null).describe(
    "Lower bound of the importance weight.",
  ),
  sequence_mask: z.enum(SEQUENCE_MASKS).nullable().default(null).describe(
    "Drops the episodes where this of the ratios of trainer's to engine's probability leaves its bounds, beside the correction of importance.",
  ),
  sequence_mask_low: z.number().min(0).nullable().default(null).describe(
    "Lower bound of that ratio.",
  ),
  sequence_mask_high: z.number().positive().nullable().default(null).describe(
    "Upper bound of that ratio.",
  ),
}).prefault({}).describe("The policy loss.");
