import { z } from "../../deps/zod.ts";
import { ADAPTER_TARGETS, type AdapterTarget } from "../../model/mod.ts";

/** The adapter that `train.method: lora` makes. */
export interface LoraConfig {
  readonly rank: number;
  readonly alpha: number;
  readonly rslora: boolean;
  readonly targets: readonly AdapterTarget[] | null;
  readonly dropout: 0;
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
  dropout: z.literal(0).default(0).describe(
    "Dropout before the first factor; only 0 keeps the served policy the trained one.",
  ),
}).prefault({}).describe("The adapter, where train.method is lora.");
