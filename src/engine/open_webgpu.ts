import {
  GpuHost,
  type HostTensor,
  type MemoryPlan,
  type OpenArguments,
  type Opened,
  type OptimizerState,
  type PlanArguments,
  planMemory,
  type Policy,
  type ScoreGradients,
  type StepOptions,
  type TransformerShape,
  type TreeInput,
  type TreeScores,
  type WeightTensor,
} from "../nn/mod.ts";
import type {
  Engine,
  EngineHealth,
  EngineInfo,
  GenerateRequest,
  Generation,
} from "./engine.ts";

/** Options of {@linkcode openWebGpu}. */
export interface OpenWebGpuOptions {
  /** The architecture's sizes, as `ModelConfig` has them. */
  readonly shape: TransformerShape;
  /** The weights under their Hugging Face names: in files, or in memory, whose buffers move to the GPU's thread. */
  readonly weights: readonly WeightTensor[];
  /** What the engine calls the model. */
  readonly name: string;
  /** A LoRA adapter over the weights, under PEFT's names; where they are trained, it alone is. */
  readonly adapter?: NonNullable<OpenArguments["adapter"]>;
  /** How weights that are not trained rest in memory. @default "f32" */
  readonly dtype?: NonNullable<OpenArguments["dtype"]>;
  /** Whether the weights will be trained; without, memory is kept to what inference needs. @default true */
  readonly trained?: boolean;
  /** Keeps only the layers' inputs for the backward pass, and computes the rest again. @default false */
  readonly recompute?: boolean;
  /** Most tree nodes of a training batch. @default 4096 */
  readonly maxNodes?: number;
  /** Sequences decoded side by side. @default 128 */
  readonly maxBatch?: number;
  /** Longest sequence in tokens. @default the model's, at most 2048 */
  readonly maxContext?: number;
  /** Tokens whose keys and values are kept. @default maxBatch · maxContext, at most 65536 */
  readonly cacheTokens?: number;
  /** Tokens sampled a submission: more save waits, fewer let sequences join sooner. @default 8 */
  readonly stepsPerSubmission?: number;
  /** Whether scores under the reference will be wanted; its memory is taken at once then. @default false */
  readonly reference?: boolean;
  /** Of what training draws at random: the adapter's dropout. @default 0 */
  readonly seed?: number;
  /** Version the weights are served under at first. @default 0 */
  readonly version?: number;
  /** Turns subgroups off, for tests. @default true */
  readonly subgroups?: boolean;
}

/** The embedded engine and the policy it shares its weights with. */
export interface WebGpu extends AsyncDisposable {
  readonly policy: Policy;
  readonly engine: Engine;
  readonly device: Opened;
}

/**
 * Puts a model on the GPU, to be trained and served from one copy of its weights.
 *
 * @throws {DeviceError} If there is no GPU, or it cannot hold what is asked.
 */
export async function openWebGpu(options: OpenWebGpuOptions): Promise<WebGpu> {
  const { weights, name, adapter } = options;
  const sizes = sizesOf(options);
  const { maxNodes, decoder: { maxContext } } = sizes;
  const host = await GpuHost.open({
    ...sizes,
    weights,
    ...(adapter && { adapter }),
  });
  const policy = new HostedPolicy(host, {
    maxNodes,
    dropout: adapter?.lora.dropout ?? 0,
  });
  const engine = new WebGpuEngine(host, { name, maxContext, policy });
  await policy.sync(options.version ?? 0);
  return {
    policy,
    engine,
    device: host.opened,
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** What {@linkcode openWebGpu} is given, but for the numbers in the weights. */
export type PlanWebGpuOptions =
  & Omit<OpenWebGpuOptions, "weights" | "name" | "adapter">
  & Pick<PlanArguments, "adapter" | "scored">;

/**
 * Counts the memory that {@linkcode openWebGpu} will take with these options.
 *
 * @throws {DeviceError} If there is no GPU, or a single buffer exceeds what it binds.
 */
export function planWebGpu(options: PlanWebGpuOptions): Promise<MemoryPlan> {
  const { adapter, scored = false } = options;
  return planMemory({
    ...sizesOf(options),
    scored,
    ...(adapter && { adapter }),
  });
}

/** The options with their defaults. */
function sizesOf(
  options: Omit<PlanWebGpuOptions, "adapter">,
): Omit<PlanArguments, "adapter"> {
  const { shape, trained = true, maxNodes = 4096, maxBatch = 128 } = options;
  const maxContext = Math.min(options.maxContext ?? 2048, shape.maxPositions);
  return {
    shape,
    maxNodes,
    trained,
    recompute: options.recompute ?? false,
    seed: options.seed ?? 0,
    ...(options.dtype && { dtype: options.dtype }),
    decoder: {
      maxBatch,
      maxContext,
      cacheTokens: options.cacheTokens ??
        Math.min(65536, maxBatch * maxContext),
      prefillRows: 256,
      stepsPerSubmission: options.stepsPerSubmission ?? 8,
    },
    reference: options.reference ?? false,
    subgroups: options.subgroups ?? true,
  };
}

/** The policy in the Worker. */
class HostedPolicy implements Policy {
  #version = 0;
  #served = 0;

  readonly maxNodes: number;
  readonly dropout: number;

  constructor(
    readonly host: GpuHost,
    options: Pick<Policy, "maxNodes" | "dropout">,
  ) {
    this.maxNodes = options.maxNodes;
    this.dropout = options.dropout;
  }

  get version(): number {
    return this.#version;
  }

  /** Version under which the engine serves. */
  get served(): number {
    return this.#served;
  }

  forward(
    input: TreeInput,
    { keep = true }: { readonly keep?: boolean } = {},
  ): Promise<TreeScores> {
    return this.host.call("forward", { input, keep });
  }

  reference(input: TreeInput): Promise<TreeScores> {
    return this.host.call("reference", input);
  }

  backward(gradients: ScoreGradients): Promise<void> {
    return this.host.call("backward", gradients);
  }

  async step(options: StepOptions): Promise<{ readonly gradNorm: number }> {
    const result = await this.host.call("step", options);
    this.#version++;
    return result;
  }

  discard(): Promise<void> {
    return this.host.call("discard");
  }

  async sync(version: number): Promise<void> {
    await this.host.call("sync", version);
    this.#served = version;
  }

  weights(): Promise<readonly HostTensor[]> {
    return this.host.call("weights");
  }

  loadWeights(tensors: readonly HostTensor[]): Promise<void> {
    return this.host.call("loadWeights", tensors);
  }

  optimizer(): Promise<OptimizerState> {
    return this.host.call("optimizer");
  }

  async loadOptimizer(state: OptimizerState): Promise<void> {
    await this.host.call("loadOptimizer", state);
    this.#version = state.step;
  }
}

/** The engine in the Worker. */
class WebGpuEngine implements Engine {
  readonly #host: GpuHost;
  readonly #options: {
    readonly name: string;
    readonly maxContext: number;
    readonly policy: HostedPolicy;
  };

  constructor(
    host: GpuHost,
    options: {
      readonly name: string;
      readonly maxContext: number;
      readonly policy: HostedPolicy;
    },
  ) {
    this.#host = host;
    this.#options = options;
  }

  get info(): EngineInfo {
    const { name, maxContext, policy } = this.#options;
    return {
      kind: "webgpu",
      model: name,
      maxContext,
      policyVersion: policy.served,
    };
  }

  generate(
    { tokens, sampling, signal, onTokens }: GenerateRequest,
  ): Promise<Generation> {
    const { promise, resolve, reject } = Promise.withResolvers<Generation>();
    if (signal?.aborted) {
      const policyVersion = this.info.policyVersion;
      return Promise.resolve({
        tokens: [],
        logprobs: [],
        finishReason: "abort",
        policyVersion,
      });
    }
    const sampled: number[] = [];
    const logprobs: number[] = [];
    const cancel = this.#host.generate(
      { tokens, ...sampling },
      (progress, policyVersion) => {
        sampled.push(...progress.tokens);
        logprobs.push(...progress.logprobs);
        try {
          if (progress.tokens.length > 0) {
            onTokens?.(progress.tokens, progress.logprobs);
          }
        } catch (error) {
          // A listener's mistake ends its own request, not the process that took the message.
          onTokens = undefined;
          reject(error);
          cancel();
        }
        const { finishReason } = progress;
        if (!finishReason) return;
        signal?.removeEventListener("abort", cancel);
        resolve({ tokens: sampled, logprobs, finishReason, policyVersion });
      },
      (error) => {
        signal?.removeEventListener("abort", cancel);
        reject(error);
      },
    );
    signal?.addEventListener("abort", cancel, { once: true });
    return promise;
  }

  score(sequences: readonly (readonly number[])[]): Promise<Float32Array[]> {
    return this.#host.call("score", sequences);
  }

  health(): Promise<EngineHealth> {
    const { alive: ok, running, waiting } = this.#host;
    return Promise.resolve({ ok, running, waiting });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#host[Symbol.asyncDispose]();
  }
}
