import { z } from "../../deps/zod.ts";
import { inputPath } from "./_path.ts";

/** The model being tuned. */
export interface ModelConfig {
  readonly path: string;
}

/** Schema of `model`. */
export const modelSchema: z.ZodType<ModelConfig> = z.strictObject({
  path: inputPath("./model").describe(
    "Folder of the model in Hugging Face layout: config.json, safetensors, tokenizer.json and its chat template.",
  ),
}).describe("The model being tuned.");
