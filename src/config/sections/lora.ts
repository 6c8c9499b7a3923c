import { z } from "../../deps/zod.ts";
import {
  ADAPTER_MODULES,
  ADAPTER_TARGETS,
  type AdapterModule,
  type AdapterTarget,
} from "../../model/mod.ts";

/** The adapter that `train.method: lora` makes. */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly rslora: boolean;
  readonly targets: readonly AdapterTarget[] | null;
  readonly modules_to_save: readonly (AdapterModule | "norm")[] | null;
  readonly dropout: number;
  readonly agents: readonly string[];
}

/** Schema of `train.lora`. */
export const loraSchema: z.ZodType<LoraConfig> = z.strictObject({
  rank: z.int().min(1).default(16).describe(
    "Rank of the two factors that are trained beside each frozen matrix.",
  ),
  alpha: z.number().positive().default(32).describe(
    "Their product is scaled by alpha / rank.",
  ),
  rslora: z.boolean().default(false).describe(
    "Scale by alpha / √rank instead (rsLoRA).",
  ),
  targets: z.array(z.enum(ADAPTER_TARGETS)).min(1).nullable().default(null)
    .describe("Projections of every layer that are adapted; null is all."),
  modules_to_save: z.array(z.enum([...ADAPTER_MODULES, "norm"])).nullable()
    .default(null).describe(
      "Modules that are trained and saved whole beside the factors, named as PEFT does: embed_tokens the embedding, lm_head the head, model.norm the last norm, norm every norm there is; where the head is the embedding, both are trained as one table.",
    ),
  dropout: z.number().min(0).lt(1).default(0).describe(
    "Share of what the first factor reads that training drops at random, for each projection anew; sampling and scoring drop nothing, so reinforcement learning scores each batch once more before it trains on it.",
  ),
  agents: z.array(
    z.string().max(128).regex(/^\w[\w-]*$/).refine(
      (name) => name !== "default",
      "default is the agent without a name, which has the adapter that agents share",
    ),
  ).refine(
    (names) => new Set(names).size === names.length,
    "names an agent twice",
  ).default([]).describe(
    "Agents that get an adapter of their own, of this shape, by the names under which they call; all others share one. Each is trained on its own agent's calls.",
  ),
}).prefault({}).describe("The adapter, where train.method is lora.");
