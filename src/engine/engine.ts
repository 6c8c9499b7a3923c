/**
 * What turns token ids into sampled token ids: the embedded WebGPU engine, or vLLM over HTTP.
 * Everything above an engine speaks token ids; only the `tuner` and `model` rooms know text.
 */
export interface Engine extends AsyncDisposable {
  /** What is served; constant over the engine's life except for `policyVersion`. */
  readonly info: EngineInfo;

  /**
   * Samples one continuation of `request.tokens`.
   *
   * An aborted `request.signal` ends the generation early with `finishReason: "abort"`; what was
   * sampled until then is returned.
   *
   * @throws {EngineError} If the engine cannot serve the request (too long, shut down, unreachable).
   */
  generate(request: GenerateRequest): Promise<Generation>;

  /**
   * Logprob of every token given those before it, at temperature 1.
   *
   * @returns One array per sequence; entry 0 is NaN, since nothing precedes the first token.
   */
  score(
    sequences: readonly (readonly number[])[],
    options?: ScoreOptions,
  ): Promise<Float32Array[]>;

  /** Whether the engine can take requests now, and how busy it is. */
  health(): Promise<EngineHealth>;
}

/** What an engine serves. */
export interface EngineInfo {
  /** `"webgpu"` for the embedded engine. */
  readonly kind: "webgpu" | "vllm";
  /** Name or path of the served model. */
  readonly model: string;
  /** Longest sequence, prompt and continuation together, in tokens. */
  readonly maxContext: number;
  /** Count of optimizer steps behind the weights now served. */
  readonly policyVersion: number;
}

/** How the next token is drawn. */
export interface Sampling {
  /** Divides the logits; 0 takes the most likely token. */
  readonly temperature: number;
  /** Keeps the `topK` most likely tokens; 0 keeps all. */
  readonly topK: number;
  /** Keeps the smallest set of tokens whose probabilities sum to at least `topP`; 1 keeps all. */
  readonly topP: number;
  /** Drops tokens less likely than `minP` times the most likely one; 0 drops none. */
  readonly minP: number;
  /** 32-bit seed: the same seed, tokens and weights give the same continuation in any batch. */
  readonly seed: number;
  /** Most tokens to sample. */
  readonly maxTokens: number;
  /** Ids that end the generation; the id itself is part of the result. */
  readonly stopTokens: readonly number[];
}

/** How sequences are scored. */
export interface ScoreOptions {
  /** The adapter to score under, as in `GenerateRequest`. @default the default one */
  readonly adapter?: string | null;
}

/** One generation to run. */
export interface GenerateRequest {
  /** The prompt, at least one token. */
  readonly tokens: readonly number[];
  readonly sampling: Sampling;
  /** Name of the adapter to sample from; null for none: the model as it was opened. @default the default one */
  readonly adapter?: string | null;
  /** Cancels the generation. */
  readonly signal?: AbortSignal;
  /**
   * Of several servers, requests with the same key go to the same one, whose cache then holds what
   * they have in common.
   */
  readonly affinity?: string;
  /** Called with each batch of new tokens as it is sampled; used for streaming. */
  readonly onTokens?: (
    tokens: readonly number[],
    logprobs: readonly number[],
  ) => void;
}

/** Why a generation ended: a stop token, `maxTokens` or the context's end, or a cancellation. */
export type FinishReason = "stop" | "length" | "abort";

/** A sampled continuation, exactly as the engine saw it. */
export interface Generation {
  /** Sampled ids, the stop token included. */
  readonly tokens: readonly number[];
  /**
   * Logprob of each sampled token under the softmax of logits / temperature over the whole
   * vocabulary (before top-k, top-p and min-p); at temperature 0, under temperature 1.
   */
  readonly logprobs: readonly number[];
  readonly finishReason: FinishReason;
  /** Policy version of the weights that sampled these tokens. */
  readonly policyVersion: number;
  /** Why nothing may be learnt from this sample; absent where it is right to the token. */
  readonly invalid?: string;
}

/** How an engine is doing. */
export interface EngineHealth {
  readonly ok: boolean;
  /** Sequences being decoded. */
  readonly running: number;
  /** Sequences waiting for a place. */
  readonly waiting: number;
}
