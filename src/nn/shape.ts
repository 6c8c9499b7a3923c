import type { RopeScaling } from "../model/mod.ts";

/** Sizes and options of a dense Llama, Qwen2 or Qwen3 decoder; `ModelConfig` of the model room is one. */
export interface TransformerShape {
  readonly layers: number;
  /** Model width D; a multiple of 4. */
  readonly hiddenSize: number;
  /** Query heads H. */
  readonly heads: number;
  /** Key and value heads K; divides H. */
  readonly kvHeads: number;
  /** Width of a head HD; a multiple of 4. */
  readonly headDim: number;
  /** Feed-forward width F; a multiple of 4. */
  readonly feedForward: number;
  readonly vocabSize: number;
  /** ε of every RMSNorm. */
  readonly normEpsilon: number;
  /** Base of the rotary frequencies. */
  readonly ropeTheta: number;
  /** How the frequencies are changed for long contexts; undefined: not at all. */
  readonly ropeScaling?: RopeScaling;
  /** Longest position, exclusive. */
  readonly maxPositions: number;
  /** RMSNorm over each query and key head (Qwen3). */
  readonly qkNorm: boolean;
  /** Bias on the query, key and value projections (Qwen2). */
  readonly attentionBias: boolean;
  /** Bias on the attention's output projection. */
  readonly outputBias?: boolean;
  /** A token sees this many tokens, itself included; undefined: all before it. */
  readonly slidingWindow?: number;
  /** The head is the embedding. */
  readonly tieEmbeddings: boolean;
}

/** `count` rounded up to a multiple of `step`. */
export function roundUp(count: number, step: number): number {
  return Math.ceil(count / step) * step;
}
