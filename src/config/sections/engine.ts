import { z } from "../../deps/zod.ts";

/** The inference engine that serves the policy to the workflow. */
export interface EngineConfig {
  readonly kind: "webgpu" | "openai";
  readonly url: string | readonly string[] | null;
  readonly model: string | null;
  readonly api_key_env: string | null;
  readonly max_context: number | null;
  readonly max_batch: number;
  readonly cache_tokens: number | null;
  readonly steps_per_submission: number;
}

/** Schema of `engine`. */
export const engineSchema: z.ZodType<EngineConfig> = z.strictObject({
  kind: z.enum(["webgpu", "openai"]).default("webgpu").describe(
    "What samples the tokens: webgpu is the engine embedded in this program; openai is any server of OpenAI's chat completions, for --backbone=debug alone.",
  ),
  url: z.union([z.string(), z.array(z.string()).min(1)], {
    error:
      "must be an address such as http://127.0.0.1:8000/v1, or a list of them",
  }).nullable().default(null).describe(
    "Address of the server, of kinds other than webgpu, such as http://127.0.0.1:8000/v1.",
  ),
  model: z.string().min(1).nullable().default(null).describe(
    "Name under which the server knows the model; null takes model.path.",
  ),
  api_key_env: z.string().regex(/^[A-Za-z_]\w*$/).nullable().default(null)
    .describe(
      "Environment variable that holds the server's API key, such as OPENAI_API_KEY.",
    ),
  max_context: z.int().min(2).nullable().default(null).describe(
    "Longest sequence in tokens, prompt and answer together; null takes the model's own, at most 2048.",
  ),
  max_batch: z.int().min(1).default(128).describe(
    "Most sequences decoded at the same time; more wait their turn.",
  ),
  cache_tokens: z.int().min(2).nullable().default(null).describe(
    "Tokens whose keys and values are kept; null takes what max_batch sequences of max_context need, at most 65536.",
  ),
  steps_per_submission: z.int().min(1).default(8).describe(
    "Tokens decoded between two visits of the scheduler; more is faster, fewer lets sequences join and leave sooner.",
  ),
}).prefault({}).describe(
  "The inference engine that serves the policy to the workflow.",
);
