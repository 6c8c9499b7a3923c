import {
  DEFAULT_ADAPTER,
  GpuHost,
  type HostTensor,
  type MemoryPlan,
  type OpenArguments,
  type Opened,
  type PlanArguments,
  planMemory,
  type Policy,
  type TransformerShape,
  type WeightTensor,
} from "../nn/mod.ts";
import type {
  Engine,
  EngineHealth,
  EngineInfo,
  GenerateRequest,
  Generation,
  ScoreOptions,
} from "./engine.ts";
import { HostedPolicy } from "./_hosted_policy.ts";

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
  /** Adapters that come and go while others are decoded. */
  readonly adapters: AdapterSlots;
}

/** Room on the GPU for further adapters of the shape that it was opened with. */
export interface AdapterSlots {
  /**
   * Puts an adapter's tensors, under PEFT's names, on the GPU.
   *
   * @throws {UserError} If the model was opened without an adapter, or there is one of that name.
   * @throws {ModelError} If the tensors are of another shape.
   */
  add(name: string, tensors: readonly HostTensor[]): Promise<void>;
  /** Forgets an adapter, once the requests for it that are under way have ended. */
  remove(name: string): Promise<void>;
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
  const policy = new HostedPolicy({
    host,
    maxNodes,
    dropout: adapter?.lora.dropout ?? 0,
    adapters: [DEFAULT_ADAPTER, ...adapter?.others?.keys() ?? []],
  });
  const engine = new WebGpuEngine(host, { name, maxContext, policy });
  await policy.sync(options.version ?? 0);
  return {
    policy,
    engine,
    device: host.opened,
    adapters: {
      add: (name, tensors) =>
        host.call("addAdapter", tensors, { adapter: name }),
      remove: (name) =>
        host.call("removeAdapter", undefined, { adapter: name }),
    },
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
    { tokens, sampling, signal, onTokens, adapter }: GenerateRequest,
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
      { tokens, ...sampling, ...(adapter !== undefined && { adapter }) },
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

  score(
    sequences: readonly (readonly number[])[],
    options: ScoreOptions = {},
  ): Promise<Float32Array[]> {
    return this.#host.call("score", sequences, options);
  }

  health(): Promise<EngineHealth> {
    const { alive: ok, running, waiting } = this.#host;
    return Promise.resolve({ ok, running, waiting });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#host[Symbol.asyncDispose]();
  }
}
