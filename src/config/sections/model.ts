import { z } from "../../deps/zod.ts";
import { modelPath } from "./_path.ts";

/** The model being tuned. */
export interface ModelConfig {
  readonly path: string;
  readonly revision: string;
  readonly adapter: string | null;
  readonly dtype: "f32" | "f16" | "bf16";
}

/** Schema of `model`. */
export const modelSchema: z.ZodType<ModelConfig> = z.strictObject({
  path: modelPath("./model").describe(
    "Folder of the model in Hugging Face layout (config.json, safetensors, tokenizer.json and its chat template), or its name on the Hub, such as Qwen/Qwen2.5-0.5B-Instruct.",
  ),
  revision: z.string().regex(/^[\w./-]+$/).default("main").describe(
    "Branch, tag or commit on the Hub; the environment's HF_TOKEN opens what is not public.",
  ),
  adapter: modelPath("./adapter").nullable().default(null).describe(
    "Folder of a LoRA adapter over it in PEFT's layout, or its name on the Hub; lora training goes on from it, full training merges it first.",
  ),
  dtype: z.enum(["f32", "f16", "bf16"]).default("f32").describe(
    "How weights that are not trained rest in GPU memory; arithmetic is in f32 all the same.",
  ),
}).describe("The model being tuned.");
