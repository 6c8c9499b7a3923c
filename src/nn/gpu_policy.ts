import { UserError } from "../errors.ts";
import type { GemmPlanner, View, WeightType } from "../gpu/mod.ts";
import { moduleTensors } from "../model/mod.ts";
import { adapterLayout, baseLayout, type LoraShape } from "./layout.ts";
import type { Weights } from "./linear.ts";
import { Optimizer } from "./optimizer.ts";
import { Parameters } from "./parameters.ts";
import type {
  OptimizerState,
  ScoreGradients,
  StepOptions,
  TreeInput,
  TreeScores,
  WeightTensor,
} from "./policy.ts";
import type { TransformerShape } from "./shape.ts";
import { type Kept, Transformer } from "./transformer.ts";

/** Options of {@linkcode GpuPolicy}. */
export interface GpuPolicyOptions {
  /** Most nodes of a batch. */
  readonly maxNodes: number;
  /** Whether gradients and optimizer state are held. */
  readonly trained: boolean;
  /** Makes each layer's activations anew in the backward pass, and keeps only its input: slower, with less memory. @default false */
  readonly recompute?: boolean;
  /** How frozen matrices rest in memory; arithmetic is float32 all the same. @default "f32" */
  readonly dtype?: WeightType;
  /** Of what training draws at random: the adapter's dropout. @default 0 */
  readonly seed?: number;
  /** Most bytes that are bound at once, of weights or of activations. @default the device's limit */
  readonly bindingBytes?: number;
  /** Trains an adapter over the frozen weights, rather than the weights. */
  readonly adapter?: {
    readonly lora: LoraShape;
    /** The adapter's tensors under PEFT's names. */
    readonly weights: readonly WeightTensor[];
  };
}

/** The policy's weights on this thread's GPU: what the Worker runs behind the `Policy` interface. */
export class GpuPolicy {
  readonly weights: Weights;
  /** Those that are trained: the adapter's where there is one. */
  readonly parameters: Parameters;
  readonly #planner: GemmPlanner;
  readonly #shape: TransformerShape;
  readonly #options: GpuPolicyOptions;
  /** What the reference is made of until it stands on the GPU: the model's own values of all that is not switched off. */
  #opened: readonly WeightTensor[] | undefined;
  #reference: readonly View[] | undefined;
  #spare: readonly View[] | undefined;
  #transformer: Transformer | undefined;
  #optimizer: Optimizer | undefined;
  #steps = 0;
  /** Kept forward passes since the last step. */
  #passes = 0;

  /** @param weights The model's tensors under their Hugging Face names. */
  constructor(
    planner: GemmPlanner,
    shape: TransformerShape,
    weights: readonly WeightTensor[],
    options: GpuPolicyOptions,
  ) {
    const { gpu } = planner;
    const { trained, adapter, dtype = "f32", bindingBytes } = options;
    const binding = bindingBytes === undefined ? {} : { bindingBytes };
    this.#planner = planner;
    this.#shape = shape;
    this.#options = options;
    const base = gpu.account(
      "weights",
      () =>
        new Parameters(gpu, baseLayout(shape, adapter?.lora), {
          trained: trained && !adapter,
          dtype,
          ...binding,
        }),
    );
    base.write(weights);
    if (adapter) {
      const { lora } = adapter;
      const parameters = gpu.account(
        "adapter",
        () =>
          new Parameters(gpu, adapterLayout(shape, lora), {
            trained,
            ...binding,
          }),
      );
      parameters.write(adapter.weights);
      this.parameters = parameters;
      this.weights = { base, adapter: { parameters, lora } };
      this.#opened = moduleTensors(weights, lora);
    } else {
      this.parameters = base;
      this.weights = { base };
      this.#opened = weights;
    }
  }

  /** Made at the first need, since activations take room that pure inference can do without. */
  get transformer(): Transformer {
    const { maxNodes, seed = 0, bindingBytes } = this.#options;
    this.#transformer ??= this.#planner.gpu.account(
      "activations",
      () =>
        new Transformer(this.#planner, this.#shape, this.weights, {
          maxNodes,
          kept: this.#kept,
          seed,
          ...(bindingBytes !== undefined && { bindingBytes }),
        }),
    );
    return this.#transformer;
  }

  get #kept(): Kept {
    const { trained, recompute = false } = this.#options;
    return !trained ? "nothing" : recompute ? "inputs" : "all";
  }

  /** Takes all the memory that training will need, so that what cannot be held is told now. */
  prepare({ reference }: { readonly reference: boolean }): void {
    void this.transformer;
    this.#optimizer ??= this.#makeOptimizer();
    if (!reference) return;
    this.#spare = this.#snapshot(this.#spare);
    this.#reference ??= this.#makeReference();
    this.parameters.restore(this.#spare);
  }

  #makeOptimizer(): Optimizer {
    const { gpu } = this.#planner;
    return gpu.account("optimizer", () => new Optimizer(this.parameters));
  }

  #snapshot(into?: readonly View[]): readonly View[] {
    const { gpu } = this.#planner;
    return gpu.account("reference", () => this.parameters.snapshot(into));
  }

  /** @param options.keep Whether `backward` may follow: only then is anything dropped. @default true */
  forward(
    input: TreeInput,
    { keep = true }: { readonly keep?: boolean } = {},
  ): Promise<TreeScores> {
    if (!keep) return this.transformer.forward(input);
    const draw = { step: this.#steps, pass: this.#passes++ };
    return this.transformer.forward(input, draw);
  }

  /**
   * Scores under the reference, which takes the trained weights' place meanwhile: the weights as they were
   * opened, or the adapter switched off, with the model's own modules in place of its.
   */
  async reference(input: TreeInput): Promise<TreeScores> {
    const spare = this.#spare = this.#snapshot(this.#spare);
    this.parameters.restore(this.#reference ??= this.#makeReference());
    try {
      return await this.transformer.forward(input);
    } finally {
      this.parameters.restore(spare);
    }
  }

  #makeReference(): readonly View[] {
    // Factors of zeroes change nothing.
    this.#planner.gpu.clear(this.parameters.arenas.map((a) => a.weights));
    this.parameters.writeSome(this.#opened ?? []);
    this.#opened = undefined;
    return this.#snapshot();
  }

  backward(gradients: ScoreGradients): void {
    this.#requireTrained();
    this.transformer.backward(gradients);
  }

  async step(options: StepOptions): Promise<{ readonly gradNorm: number }> {
    this.#requireTrained();
    this.#passes = 0;
    this.#optimizer ??= this.#makeOptimizer();
    return { gradNorm: await this.#optimizer.step(++this.#steps, options) };
  }

  discard(): void {
    this.#requireTrained(); // otherwise the gradients' place is the weights' own
    this.#passes = 0;
    this.parameters.clearGradients();
  }

  async optimizer(): Promise<OptimizerState> {
    this.#requireTrained();
    return {
      step: this.#steps,
      m: await this.parameters.read("m"),
      v: await this.parameters.read("v"),
    };
  }

  loadOptimizer({ step, m, v }: OptimizerState): void {
    this.#requireTrained();
    this.#steps = step;
    this.#passes = 0;
    this.parameters.write(m, "m");
    this.parameters.write(v, "v");
  }

  #requireTrained(): void {
    if (this.#options.trained) return;
    throw new UserError("This model was opened for inference only");
  }
}
