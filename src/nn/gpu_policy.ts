import { ASTunerError, EngineError, UserError } from "../errors.ts";
import type { GemmPlanner, WeightType } from "../gpu/mod.ts";
import { moduleTensors } from "../model/mod.ts";
import { adapterLayout, baseLayout, type LoraShape } from "./layout.ts";
import type { Weights } from "./linear.ts";
import { Optimizer } from "./optimizer.ts";
import {
  type AdapterName,
  DEFAULT_ADAPTER,
  ParameterSets,
} from "./parameter_sets.ts";
import { Parameters } from "./parameters.ts";
import type {
  HostTensor,
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
    /** Of every adapter. */
    readonly lora: LoraShape;
    /** The tensors of the default adapter under PEFT's names. */
    readonly weights: readonly WeightTensor[];
    /** Those of further adapters, by the adapters' names. */
    readonly others?: ReadonlyMap<string, readonly WeightTensor[]>;
  };
}

/**
 * The policy's weights on this thread's GPU: what the Worker runs behind the `Policy` interface.
 *
 * Every method says whose weights it is about; null stands for the reference: the weights as they were opened, or no
 * adapter.
 */
export class GpuPolicy {
  readonly weights: Weights;
  /** Those that are trained: the adapter's where there is one. */
  readonly parameters: Parameters;
  readonly #planner: GemmPlanner;
  readonly #shape: TransformerShape;
  readonly #options: GpuPolicyOptions;
  /** What the reference is made of until it stands on the GPU: the model's own values of all that is not switched off. */
  #opened: readonly WeightTensor[] | undefined;
  readonly #sets: ParameterSets;
  #transformer: Transformer | undefined;
  #optimizer: Optimizer | undefined;
  /** Kept forward passes of each adapter since its last step. */
  readonly #passes = new Map<AdapterName, number>();
  /** Whose activations the last `forward` left. */
  #forwarded: AdapterName = null;

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
    this.#sets = new ParameterSets(this.parameters);
    for (const [name, weights] of adapter?.others ?? []) {
      this.add(name, weights);
    }
    this.#sets.bind(DEFAULT_ADAPTER);
  }

  /** Names of the adapters; the default one is among them also where the weights themselves are trained. */
  get adapters(): readonly string[] {
    return this.#sets.names;
  }

  /** @throws {EngineError} If there is no such adapter. */
  check(adapter: AdapterName): void {
    if (adapter === null || this.#sets.has(adapter)) return;
    throw new EngineError(`There is no adapter ${adapter}`);
  }

  /** Adds an adapter of the shape that the others have. */
  add(name: string, weights: readonly WeightTensor[]): void {
    this.#requireAdapters();
    if (this.#sets.has(name)) {
      throw new UserError(`There is an adapter ${name} already`);
    }
    this.#sets.add(name, () => this.parameters.write(weights));
  }

  /** Forgets an adapter and frees its memory; the default one stays. */
  remove(name: string): void {
    this.#requireAdapters();
    if (name === DEFAULT_ADAPTER) {
      throw new UserError("The default adapter cannot be removed");
    }
    this.#sets.remove(name);
  }

  /**
   * Has whatever runs next on the GPU read these weights.
   *
   * @throws {EngineError} If there is no such adapter.
   */
  bind(adapter: AdapterName): void {
    this.check(adapter);
    if (adapter === null) this.#makeReference();
    this.#sets.bind(adapter);
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
    this.#makeReference();
    this.#sets.bind(DEFAULT_ADAPTER);
  }

  #makeOptimizer(): Optimizer {
    const { gpu } = this.#planner;
    return gpu.account("optimizer", () => new Optimizer(this.parameters));
  }

  /** @param options.keep Whether `backward` may follow: only then is anything dropped. @default true */
  forward(
    input: TreeInput,
    { keep = true, adapter = DEFAULT_ADAPTER }: {
      readonly keep?: boolean;
      readonly adapter?: AdapterName;
    } = {},
  ): Promise<TreeScores> {
    this.bind(adapter);
    this.#forwarded = adapter;
    if (!keep || adapter === null) return this.transformer.forward(input);
    const pass = this.#passes.get(adapter) ?? 0;
    this.#passes.set(adapter, pass + 1);
    const step = this.#sets.stepsOf(adapter);
    return this.transformer.forward(input, { step, pass });
  }

  /** Scores under the reference: the weights as they were opened, or no adapter, with the model's own modules. */
  reference(input: TreeInput): Promise<TreeScores> {
    return this.forward(input, { adapter: null });
  }

  #makeReference(): void {
    if (this.#sets.has(null)) return;
    this.#sets.add(null, () => {
      // Factors of zeroes change nothing.
      this.#planner.gpu.clear(this.parameters.arenas.map((a) => a.weights));
      this.parameters.writeSome(this.#opened ?? []);
    });
    this.#opened = undefined;
  }

  /** @throws {ASTunerError} If gradients of another adapter wait for their step. */
  backward(gradients: ScoreGradients, adapter: string = DEFAULT_ADAPTER): void {
    this.#requireTrained();
    if (this.#forwarded !== adapter) {
      throw new ASTunerError(
        `Cannot run adapter ${adapter} backward: adapter ${this.#forwarded} ran forward last`,
      );
    }
    this.#sets.claimGradients(adapter);
    this.bind(adapter);
    this.transformer.backward(gradients);
  }

  /** @throws {ASTunerError} If gradients of another adapter wait for their step. */
  async step(
    options: StepOptions,
    adapter: string = DEFAULT_ADAPTER,
  ): Promise<{ readonly gradNorm: number }> {
    this.#requireTrained();
    this.#passes.delete(adapter);
    this.#optimizer ??= this.#makeOptimizer();
    this.#sets.claimGradients(adapter);
    this.#sets.bind(adapter);
    this.#sets.bindMoments(adapter);
    const step = this.#sets.stepsOf(adapter) + 1;
    const gradNorm = await this.#optimizer.step(step, options);
    this.#sets.setSteps(adapter, step);
    this.#sets.keep();
    this.#sets.releaseGradients();
    return { gradNorm };
  }

  discard(): void {
    this.#requireTrained(); // otherwise the gradients' place is the weights' own
    this.#passes.clear();
    this.#sets.clearGradients();
  }

  weightsOf(
    adapter: AdapterName = DEFAULT_ADAPTER,
  ): Promise<readonly HostTensor[]> {
    this.bind(adapter);
    return this.parameters.read();
  }

  load(
    tensors: readonly HostTensor[],
    adapter: string = DEFAULT_ADAPTER,
  ): void {
    this.#sets.bind(adapter);
    this.parameters.write(tensors);
    this.#sets.keep();
  }

  async optimizer(adapter: string = DEFAULT_ADAPTER): Promise<OptimizerState> {
    this.#requireTrained();
    this.#sets.bindMoments(adapter);
    return {
      step: this.#sets.stepsOf(adapter),
      m: await this.parameters.read("m"),
      v: await this.parameters.read("v"),
    };
  }

  loadOptimizer(
    { step, m, v }: OptimizerState,
    adapter: string = DEFAULT_ADAPTER,
  ): void {
    this.#requireTrained();
    this.#passes.delete(adapter);
    this.#sets.setSteps(adapter, step);
    this.#sets.bindMoments(adapter);
    this.parameters.write(m, "m");
    this.parameters.write(v, "v");
  }

  #requireAdapters(): void {
    if (this.weights.adapter) return;
    throw new UserError("This model was opened without room for adapters");
  }

  #requireTrained(): void {
    if (this.#options.trained) return;
    throw new UserError("This model was opened for inference only");
  }
}
