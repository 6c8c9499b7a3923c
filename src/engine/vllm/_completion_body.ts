import type { Sampling } from "../engine.ts";

/** What a completion request is made of. */
export interface CompletionBodyOptions {
  readonly model: string;
  readonly prompt: readonly number[];
  readonly sampling: Sampling;
  /** Policy version: keys and values cached for one version are not those of another. */
  readonly version: number;
}

/**
 * A streamed `/v1/completions` request.
 *
 * Every sampling parameter is sent: for those left out, vLLM takes the values that the model's
 * generation_config.json recommends. The same file's stop tokens are kept out by `ignore_eos`.
 */
export function completionBody(
  { model, prompt, sampling, version }: CompletionBodyOptions,
): Readonly<Record<string, unknown>> {
  return {
    model,
    prompt,
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
    max_tokens: sampling.maxTokens,
    temperature: sampling.temperature,
    top_k: sampling.topK,
    top_p: sampling.topP,
    min_p: sampling.minP,
    repetition_penalty: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    seed: sampling.seed,
    stop_token_ids: sampling.stopTokens,
    ignore_eos: true,
    logprobs: 0,
    return_token_ids: true,
    cache_salt: `policy-${version}`,
  };
}
