import type { TensorInfo } from "../model/mod.ts";

/** Token trees to run forward; the arrays are those of `TreeBatch`, N nodes in depth-first order. */
export interface TreeInput {
  readonly tokens: Uint32Array;
  readonly positions: Uint32Array;
  readonly parents: Int32Array;
  readonly visibleUntil: Uint32Array;
  /** Nodes whose logprob is wanted, `[P]`; none of them a root. A node may stand here twice. */
  readonly targets: Uint32Array;
  /** Divides the logits each target is scored under, `[P]`. */
  readonly temperature: Float32Array;
}

/** What a forward pass says of each target, `[P]`. */
export interface TreeScores {
  /** Logprob of the target's token at `parents[target]`, at the target's temperature. */
  readonly logprob: Float32Array;
  /** Entropy, in nats, of the distribution the target was drawn from. */
  readonly entropy: Float32Array;
}

/** Derivatives of the loss with respect to a forward pass's scores, `[P]` each. */
export interface ScoreGradients {
  readonly logprob: Float32Array;
  readonly entropy: Float32Array;
}

/** One AdamW step. */
export interface StepOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled weight decay, applied to matrices only. */
  readonly weightDecay: number;
  /** Gradients are scaled down to this global L2 norm; 0 never clips. */
  readonly maxGradNorm: number;
}

/** A named tensor on the host, float32. */
export interface HostTensor {
  /** Hugging Face name, such as `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A tensor that the model is opened with: in memory, or in a file from which it is read when it is put on the GPU. */
export type WeightTensor = HostTensor | TensorInfo;

/** AdamW's memory. */
export interface OptimizerState {
  /** Optimizer steps taken. */
  readonly step: number;
  /** First moments, by the parameter's name. */
  readonly m: readonly HostTensor[];
  /** Second moments, by the parameter's name. */
  readonly v: readonly HostTensor[];
}

/**
 * The weights being trained, as the trainer sees them: forward, backward, step. There may be several adapters, of which
 * each `Policy` is one; version and sync are those of all together.
 *
 * `forward` keeps its activations until the next `forward`, and `backward` adds to the gradients of
 * the one before it; `step` consumes the gradients and zeroes them. A `forward` with `keep: false`
 * keeps nothing and needs no `backward`.
 *
 * With dropout, a kept `forward` draws the masks of its optimizer step and of its place among the kept ones since the
 * last step: the same calls after the same steps have the same masks. Everything else scores without.
 */
export interface Policy {
  /** Optimizer steps taken, those of all adapters together. */
  readonly version: number;
  /** Names of its adapters, `DEFAULT_ADAPTER` first; where the weights themselves are trained, that one alone. */
  readonly adapters: readonly string[];
  /**
   * The same policy by one of its adapters, over the same frozen weights: scores, gradients, steps, weights and
   * optimizer are that adapter's. Gradients of one adapter at a time may wait for their step. The policy itself is its
   * `DEFAULT_ADAPTER`.
   */
  of(adapter: string): Policy;
  /** Most tree nodes that one `forward` takes; larger batches are split by the caller. */
  readonly maxNodes: number;
  /** Share of an adapter's inputs that a kept `forward` drops at random; 0 where its scores are the policy's own. */
  readonly dropout: number;
  forward(
    input: TreeInput,
    options?: { readonly keep?: boolean },
  ): Promise<TreeScores>;
  /** Scores under the frozen reference weights (those the policy was opened with). */
  reference(input: TreeInput): Promise<TreeScores>;
  backward(gradients: ScoreGradients): Promise<void>;
  /**
   * Generations under way end with the weights that they began with; those asked for afterwards
   * wait for `sync`.
   *
   * @returns The global L2 norm of the gradients before clipping.
   */
  step(options: StepOptions): Promise<{ readonly gradNorm: number }>;
  /** Zeroes the gradients without a step. */
  discard(): Promise<void>;
  /** Makes the engine that shares these weights serve them under `version`. */
  sync(version: number): Promise<void>;
  weights(): Promise<readonly HostTensor[]>;
  /** As `step`, the generations that are asked for afterwards wait for `sync`. */
  loadWeights(tensors: readonly HostTensor[]): Promise<void>;
  optimizer(): Promise<OptimizerState>;
  loadOptimizer(state: OptimizerState): Promise<void>;
}
