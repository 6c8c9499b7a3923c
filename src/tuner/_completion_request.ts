import { z } from "../deps/zod.ts";
import type { Sampling } from "../engine/mod.ts";
import type { Tokenizer } from "../model/mod.ts";
import { parseBody } from "./_parse_body.ts";
import { refusedField } from "./_refused_fields.ts";
import { ApiError } from "./api_error.ts";

const ids = z.array(z.int().min(0)).min(1);

const completionSchema = z.looseObject({
  model: z.string().nullish(),
  prompt: z.union([
    z.string(),
    ids,
    z.array(z.string()).min(1),
    z.array(ids).min(1),
  ], {
    error: "must be a text, a list of token ids, or a list of either",
  }),
  echo: z.boolean().nullish(),
  n: z.int().min(1).max(128).nullish(),
  max_tokens: z.int().min(0).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)])
    .nullish(),
  stop_token_ids: z.array(z.int().min(0)).nullish(),
  ignore_eos: z.boolean().nullish(),
  logprobs: z.int().min(0).nullish(),
  prompt_logprobs: z.int().min(0).nullish(),
  add_special_tokens: z.boolean().nullish(),
  return_token_ids: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({
    include_usage: z.boolean().nullish(),
    continuous_usage_stats: z.boolean().nullish(),
  }).nullish(),
});

/** Fields that chat completions alone do not take. */
const SERVED = [
  "add_special_tokens",
  "echo",
  "ignore_eos",
  "prompt_logprobs",
  "stop_token_ids",
];

/** What vLLM samples where a request does not say how much. */
const DEFAULT_MAX_TOKENS = 16;

/** A `/v1/completions` request, checked and put into one form. */
export interface CompletionRequest {
  readonly model: string | undefined;
  /** Each prompt as a text, which an echo repeats; undefined where it came as ids. */
  readonly texts: readonly (string | undefined)[];
  /** Token ids of each prompt. */
  readonly prompts: readonly (readonly number[])[];
  /** Whether the prompt is part of the answer. */
  readonly echo: boolean;
  /** Continuations of each prompt. */
  readonly n: number;
  /** 0 samples nothing. */
  readonly maxTokens: number;
  /** Texts that end a continuation. */
  readonly stop: readonly string[];
  /** Ids that end a continuation, beside those of the model. */
  readonly stopTokens: readonly number[];
  /** Whether the model's own ids end nothing. */
  readonly ignoreEos: boolean;
  readonly logprobs: boolean;
  readonly promptLogprobs: boolean;
  readonly returnTokenIds: boolean;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  /** Usage with every event of a stream. */
  readonly continuousUsage: boolean;
  /** What the request says of sampling, and nothing else. */
  readonly sampling: Partial<Omit<Sampling, "stopTokens" | "maxTokens">>;
}

/**
 * Checks the body of a `/v1/completions` request and encodes its prompts.
 *
 * @throws {ApiError} 400, naming the field, what is wrong with it and what to do.
 */
export function parseCompletionRequest(
  body: unknown,
  tokenizer: Tokenizer,
): CompletionRequest {
  const asked = parseBody(completionSchema, body);
  const refused = refusedField(asked, SERVED);
  if (refused !== undefined) {
    throw refusal(refused.param, `is not supported: ${refused.hint}`);
  }
  const format = asked.response_format?.type ?? "text";
  if (format !== "text") {
    throw refusal(
      "response_format",
      `"${format}" is not supported: ask for JSON in the prompt`,
    );
  }
  for (const param of ["logprobs", "prompt_logprobs"] as const) {
    if ((asked[param] ?? 0) === 0) continue;
    throw refusal(
      param,
      "must be 0: logprobs are given for the tokens alone that are there",
    );
  }
  if (asked.stream && typeof asked.prompt_logprobs === "number") {
    throw refusal("prompt_logprobs", "is not available when streaming");
  }
  const { prompt, stop, stream_options: streaming } = asked;
  return {
    model: asked.model ?? undefined,
    ...promptsOf(prompt, tokenizer, asked.add_special_tokens ?? true),
    echo: asked.echo ?? false,
    n: asked.n ?? 1,
    maxTokens: asked.max_tokens ?? DEFAULT_MAX_TOKENS,
    stop: typeof stop === "string" ? [stop] : stop ?? [],
    stopTokens: asked.stop_token_ids ?? [],
    ignoreEos: asked.ignore_eos ?? false,
    logprobs: typeof asked.logprobs === "number",
    promptLogprobs: typeof asked.prompt_logprobs === "number",
    returnTokenIds: asked.return_token_ids ?? false,
    stream: asked.stream ?? false,
    includeUsage: streaming?.include_usage ?? false,
    continuousUsage: (streaming?.include_usage ?? false) &&
      (streaming?.continuous_usage_stats ?? false),
    sampling: askedSampling(asked),
  };
}

function promptsOf(
  prompt: z.infer<typeof completionSchema>["prompt"],
  tokenizer: Tokenizer,
  addSpecial: boolean,
): Pick<CompletionRequest, "texts" | "prompts"> {
  const list = typeof prompt === "string" || typeof prompt[0] === "number"
    ? [prompt as string | number[]]
    : prompt as (string | number[])[];
  const prompts = list.map((one) => {
    const tokens = typeof one === "string"
      ? addSpecial ? tokenizer.encodeWhole(one) : tokenizer.encode(one)
      : one;
    if (tokens.length > 0) return tokens;
    throw refusal("prompt", "has no tokens");
  });
  const texts = list.map((one) => typeof one === "string" ? one : undefined);
  return { texts, prompts };
}

function askedSampling(
  asked: z.infer<typeof completionSchema>,
): CompletionRequest["sampling"] {
  const { temperature, top_p, top_k, min_p, seed } = asked;
  return {
    ...(typeof temperature === "number" && { temperature }),
    ...(typeof top_p === "number" && { topP: top_p }),
    ...(typeof top_k === "number" && { topK: Math.max(0, top_k) }),
    ...(typeof min_p === "number" && { minP: min_p }),
    ...(typeof seed === "number" && { seed: seed >>> 0 }),
  };
}

function refusal(param: string, what: string): ApiError {
  return new ApiError(400, `${param} ${what}`, { param });
}
