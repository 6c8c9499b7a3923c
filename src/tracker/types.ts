/** One LLM request of an episode, as the engine saw it. */
export interface Call {
  /** Unique within its episode. */
  readonly id: string;
  /** The agent that made the call; `"default"` where the workflow names none. */
  readonly agent: string;
  /** The adapter that sampled; absent for the one that all share who have none of their own. */
  readonly adapter?: string;
  /** Prompt token ids. */
  readonly prompt: readonly number[];
  /** Sampled token ids, the stop token included. */
  readonly tokens: readonly number[];
  /** Logprob of each sampled token at the sampling temperature. */
  readonly logprobs: readonly number[];
  /** Sampling temperature; the trainer divides its logits by the same. */
  readonly temperature: number;
  /** Why the sampling ended. */
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
 * Why a call left a path that the tree already had:
 *
 * - `rewritten-history`: a token that an earlier call sampled stands changed in this prompt, or the
 *   gateway says so;
 * - `other-agent`: the agent's first call, in an episode where others spoke before;
 * - `new-root`: not even the first token was known;
 * - `resample`: the whole prompt was known, and another continuation was sampled;
 * - `parallel`: both follow the same sampled tokens, with other prompt tokens after them;
 * - `new-conversation`: the prompts part before anything was sampled.
 */
export type BranchKind =
  | "rewritten-history"
  | "other-agent"
  | "new-root"
  | "resample"
  | "parallel"
  | "new-conversation";

/** Where and why a call left a path that the tree already had. */
export interface BranchCause {
  /** What happened, by its name. */
  readonly kind: BranchKind;
  /** Tokens shared before the paths part. */
  readonly depth: number;
  /** The oldest token id that followed there before this call. */
  readonly expected: number;
  /** The token id that this call has instead. */
  readonly found: number;
  /** The gateway's words, where it gave any. */
  readonly detail?: string;
}

/** A call as it stands in its episode's token tree. */
export interface Recorded {
  /** The call's own. */
  readonly id: string;
  /** The agent that made the call. */
  readonly agent: string;
  /** As the call has it. */
  readonly adapter?: string;
  /** Prompt tokens. */
  readonly promptLength: number;
  /** Sampled tokens: the last `sampledLength` nodes of the path to `leaf`. */
  readonly sampledLength: number;
  /** Node of the call's last token; −1 for a call without any token. */
  readonly leaf: number;
  /** Logprob of each sampled token at the sampling temperature. */
  readonly logprobs: Float32Array;
  /** Sampling temperature. */
  readonly temperature: number;
  /** Why the sampling ended. */
  readonly finishReason: Call["finishReason"];
  /** Policy version of the weights that sampled the tokens. */
  readonly policyVersion: number;
  /** Leading tokens that the tree had before. */
  readonly shared: number;
  /** Tokens that the call added. */
  readonly added: number;
  /** Where the call left an older path; absent where it continued one, or repeated it. */
  readonly branch?: BranchCause;
  /** Why the call yields no loss term; absent where it is trainable. */
  readonly untrainable?: string;
}

/** One root-to-leaf token path through an episode's calls, for tests and inspection. */
export interface Timeline {
  /** Id of the call that ends it. */
  readonly call: string;
  /** The agent that made that call. */
  readonly agent: string;
  /** Token ids from the root to that call's last token, `[T]`. */
  readonly tokens: Uint32Array;
  /** 1 where a trainable call sampled the token, else 0, `[T]`. */
  readonly trained: Uint8Array;
  /** Logprob of each trained token at the engine; NaN elsewhere, `[T]`. */
  readonly logprobs: Float32Array;
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
  /** Ids of the episodes in the batch, in the order that `terms.episode` counts. */
  readonly episodes: readonly string[];
  /** The calls whose samples the terms are, in their order. */
  readonly calls: readonly CallTerms[];
}

/** The stretch of terms that are one call's sampled tokens, in order. */
export interface CallTerms {
  /** Id of the episode. */
  readonly episode: string;
  /** Id of the call within the episode. */
  readonly call: string;
  /** Index of the first term. */
  readonly from: number;
  /** Index after the last term. */
  readonly to: number;
}

/**
 * One entry for each sampled token of each episode, `[M]`: grouped by episode, then by call, calls
 * in depth-first order.
 */
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
