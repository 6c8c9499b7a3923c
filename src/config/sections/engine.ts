import { z } from "../../deps/zod.ts";
import { type VllmConfig, vllmKeys } from "./_vllm.ts";

/** The inference engine that serves the policy to the workflow. */
export interface EngineConfig extends VllmConfig {
  readonly kind: "webgpu" | "vllm" | "openai";
  readonly url: string | readonly string[] | null;
  readonly model: string | null;
  readonly api_key_env: string | null;
  readonly max_context: number | null;
  readonly max_batch: number;
  readonly cache_tokens: number | null;
  readonly steps_per_submission: number;
  readonly probe_bound: number | null;
}

/** Schema of `engine`. */
export const engineSchema: z.ZodType<EngineConfig> = z.strictObject({
  kind: z.enum(["webgpu", "vllm", "openai"]).default("webgpu").describe(
    "What samples the tokens: webgpu is the engine embedded in this program; vllm are vLLM servers; openai is any server of OpenAI's chat completions, for --backbone=debug alone.",
  ),
  url: z.union([z.string(), z.array(z.string()).min(1)], {
    error:
      "must be an address such as http://127.0.0.1:8000, or a list of them",
  }).nullable().default(null).describe(
    "Address of the server, of kinds other than webgpu, such as http://127.0.0.1:8000; of vllm also a list of them, all with the same model.",
  ),
  model: z.string().min(1).nullable().default(null).describe(
    "Name under which the server knows the model; null takes the first that vllm lists, and model.path of openai.",
  ),
  api_key_env: z.string().regex(/^[A-Za-z_]\w*$/).nullable().default(null)
    .describe(
      "Environment variable that holds the server's API key, such as OPENAI_API_KEY.",
    ),
  max_context: z.int().min(2).nullable().default(null).describe(
    "Longest sequence in tokens, prompt and answer together; null takes the model's own, at most 2048 where it is embedded.",
  ),
  max_batch: z.int().min(1).default(128).describe(
    "Most sequences decoded at the same time; more wait their turn. Of vLLM: most requests at one server.",
  ),
  cache_tokens: z.int().min(2).nullable().default(null).describe(
    "Tokens whose keys and values are kept; null takes what max_batch sequences of max_context need, at most 65536.",
  ),
  steps_per_submission: z.int().min(1).default(8).describe(
    "Tokens decoded between two visits of the scheduler; more is faster, fewer lets sequences join and leave sooner.",
  ),
  probe_bound: z.number().positive().nullable().default(null).describe(
    "Largest difference, in nats, between a token's logprob at the engine and in the trainer; beyond it the run stops, " +
      "since it would not learn from its own policy. null is 0.05; for vllm, which may round more, 1 as the run begins and " +
      "then 10 times what was found there, from 0.05 to 1.",
  ),
  ...vllmKeys,
}).prefault({}).describe(
  "The inference engine that serves the policy to the workflow.",
);
