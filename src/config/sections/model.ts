import { z } from "../../deps/zod.ts";
import { inputPath } from "./_path.ts";

/** The model being tuned. */
export interface ModelConfig {
  readonly path: string;
  readonly adapter: string | null;
  readonly dtype: "f32" | "f16" | "bf16";
}

/** Schema of `model`. */
export const modelSchema: z.ZodType<ModelConfig> = z.strictObject({
  path: inputPath("./model").describe(
    "Folder of the model in Hugging Face layout: config.json, safetensors, tokenizer.json and its chat template.",
  ),
  adapter: inputPath("./adapter").nullable().default(null).describe(
    "Folder of a LoRA adapter over it, in PEFT's layout; lora training goes on from it, full training merges it first.",
  ),
  dtype: z.enum(["f32", "f16", "bf16"]).default("f32").describe(
    "How weights that are not trained rest in GPU memory; arithmetic is in f32 all the same.",
  ),
}).describe("The model being tuned.");
