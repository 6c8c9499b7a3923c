/** One LLM request of an episode, as the engine saw it. */
export interface Call {
  /** Unique within its episode. */
  readonly id: string;
  /** The agent that made the call; `"default"` where the workflow names none. */
  readonly agent: string;
  /** Prompt token ids. */
  readonly prompt: readonly number[];
  /** Sampled token ids, the stop token included. */
  readonly tokens: readonly number[];
  /** Logprob of each sampled token at the sampling temperature. */
  readonly logprobs: readonly number[];
  /** Sampling temperature; the trainer divides its logits by the same. */
  readonly temperature: number;
  readonly finishReason: "stop" | "length" | "abort";
  /** Policy version of the weights that sampled the tokens. */
  readonly policyVersion: number;
  /** Why no gradient may flow through this call; absent where it is trainable. */
  readonly untrainable?: string;
  /**
   * An earlier call of the episode whose prompt and sampled tokens, together `length` ids, open this
   * call's prompt unchanged. The tracker then looks only at what follows: O(new tokens).
   */
  readonly extends?: { readonly call: string; readonly length: number };
  /** Where a history was rewritten, in the words of the gateway ("message 2 was changed"). */
  readonly rewrite?: string;
}

/**
 * The trainer's only input: tokens of one or more trees in depth-first order, N in all, and the
 * loss terms over them. Query `q` attends to key `k` exactly when `k ≤ q < visibleUntil[k]`.
 */
export interface TreeBatch {
  /** Token id of each node, `[N]`. */
  readonly tokens: Uint32Array;
  /** Depth of each node in its tree, `[N]`: the RoPE position. */
  readonly positions: Uint32Array;
  /** Index of the preceding node, −1 at a root, `[N]`. */
  readonly parents: Int32Array;
  /** First index after the node's subtree, `[N]`. */
  readonly visibleUntil: Uint32Array;
  /** Loss terms, M in all. */
  readonly terms: Terms;
}

/** One entry for each sampled token of each episode, `[M]`; grouped by episode, in time order. */
export interface Terms {
  /** Index of the sampled token; its distribution stands at `parents[node]`, `[M]`. */
  readonly node: Uint32Array;
  /** Index of the episode within the batch, `[M]`. */
  readonly episode: Uint32Array;
  /** Advantage of the sampled token, `[M]`. */
  readonly advantage: Float32Array;
  /** Logprob at the engine when the token was sampled, at the sampling temperature, `[M]`. */
  readonly behaviourLogprob: Float32Array;
  /** Logprob under the reference policy, `[M]`; NaN where none was computed. */
  readonly referenceLogprob: Float32Array;
  /** Share of the loss, `[M]`; set by the chosen normalisation. */
  readonly weight: Float32Array;
  /** Sampling temperature, `[M]`. */
  readonly temperature: Float32Array;
}
