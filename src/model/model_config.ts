/** A family of dense decoders. */
export type Architecture = "llama" | "mistral" | "qwen2" | "qwen3";

/** How rotary frequencies are changed for contexts longer than the pretrained one. */
export type RopeScaling =
  /** Positions divided by `factor`. */
  | { readonly kind: "linear"; readonly factor: number }
  /** Llama 3.1's: low frequencies divided by `factor`, high ones kept, smooth in between. */
  | {
    readonly kind: "llama3";
    readonly factor: number;
    readonly lowFreqFactor: number;
    readonly highFreqFactor: number;
    readonly originalMaxPositions: number;
  }
  /** YaRN (arXiv 2309.00071). */
  | {
    readonly kind: "yarn";
    readonly factor: number;
    readonly originalMaxPositions: number;
    readonly betaFast: number;
    readonly betaSlow: number;
    /** Multiplies cosines and sines. */
    readonly attentionFactor: number;
    /** Whether the correction range is rounded to whole dimensions. */
    readonly truncate: boolean;
  };

/** The shape of a dense decoder: token embedding, L blocks, final norm, head. */
export interface ModelConfig {
  /** The family, which decides what the other fields leave open. */
  readonly architecture: Architecture;
  /** Width of the residual stream, D. */
  readonly hiddenSize: number;
  /** Number of blocks, L. */
  readonly layers: number;
  /** Query heads, H. */
  readonly heads: number;
  /** Key and value heads, K; divides `heads`. */
  readonly kvHeads: number;
  /** Width of one head; even. */
  readonly headDim: number;
  /** Width inside of the SwiGLU block, F. */
  readonly feedForward: number;
  /** Rows of the embedding, V; the tokenizer may have fewer tokens. */
  readonly vocabSize: number;
  /** Added to the mean square in RMSNorm. */
  readonly normEpsilon: number;
  /** RoPE's base: pair `i` of a head turns by `ropeTheta^(-2i / headDim)` a position. */
  readonly ropeTheta: number;
  /** Undefined: plain RoPE. */
  readonly ropeScaling?: RopeScaling;
  /** Whether queries and keys pass an RMSNorm per head. */
  readonly qkNorm: boolean;
  /** Whether the query, key and value projections have a bias. */
  readonly attentionBias: boolean;
  /** Whether the attention's output projection has a bias. */
  readonly outputBias: boolean;
  /** Whether the head is the embedding's transpose. */
  readonly tieEmbeddings: boolean;
  /** Longest sequence the model was made for, in tokens. */
  readonly maxPositions: number;
  /** A token sees this many tokens, itself included; undefined: all before it. */
  readonly slidingWindow?: number;
}
