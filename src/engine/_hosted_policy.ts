import { EngineError } from "../errors.ts";
import {
  type Calls,
  DEFAULT_ADAPTER,
  type GpuHost,
  type HostTensor,
  type OptimizerState,
  type Policy,
  type ScoreGradients,
  type StepOptions,
  type TreeInput,
  type TreeScores,
} from "../nn/mod.ts";

/** What the adapters of one policy have in common. */
export interface HostedPolicyParts {
  readonly host: GpuHost;
  readonly maxNodes: number;
  readonly dropout: number;
  /** Names of the adapters, the default one first. */
  readonly adapters: readonly string[];
}

/** The policy in the Worker, by one of its adapters. */
export class HostedPolicy implements Policy {
  readonly #parts: HostedPolicyParts;
  readonly #adapter: string;
  /** Of all adapters together: optimizer steps by name, and the version that the engine serves. */
  readonly #shared: { readonly steps: Map<string, number>; served: number };

  constructor(
    parts: HostedPolicyParts,
    adapter: string = DEFAULT_ADAPTER,
    shared = { steps: new Map<string, number>(), served: 0 },
  ) {
    this.#parts = parts;
    this.#adapter = adapter;
    this.#shared = shared;
  }

  get maxNodes(): number {
    return this.#parts.maxNodes;
  }

  get dropout(): number {
    return this.#parts.dropout;
  }

  get adapters(): readonly string[] {
    return this.#parts.adapters;
  }

  get version(): number {
    return this.#shared.steps.values().reduce((sum, steps) => sum + steps, 0);
  }

  /** Version under which the engine serves. */
  get served(): number {
    return this.#shared.served;
  }

  of(adapter: string): HostedPolicy {
    if (adapter === this.#adapter) return this;
    if (this.adapters.includes(adapter)) {
      return new HostedPolicy(this.#parts, adapter, this.#shared);
    }
    throw new EngineError(`There is no adapter ${adapter} to train`);
  }

  forward(
    input: TreeInput,
    { keep = true }: { readonly keep?: boolean } = {},
  ): Promise<TreeScores> {
    return this.#call("forward", { input, keep });
  }

  reference(input: TreeInput): Promise<TreeScores> {
    return this.#call("reference", input);
  }

  backward(gradients: ScoreGradients): Promise<void> {
    return this.#call("backward", gradients);
  }

  async step(options: StepOptions): Promise<{ readonly gradNorm: number }> {
    const result = await this.#call("step", options);
    const { steps } = this.#shared;
    steps.set(this.#adapter, (steps.get(this.#adapter) ?? 0) + 1);
    return result;
  }

  discard(): Promise<void> {
    return this.#call("discard");
  }

  async sync(version: number): Promise<void> {
    await this.#call("sync", version);
    this.#shared.served = version;
  }

  weights(): Promise<readonly HostTensor[]> {
    return this.#call("weights");
  }

  loadWeights(tensors: readonly HostTensor[]): Promise<void> {
    return this.#call("loadWeights", tensors);
  }

  optimizer(): Promise<OptimizerState> {
    return this.#call("optimizer");
  }

  async loadOptimizer(state: OptimizerState): Promise<void> {
    await this.#call("loadOptimizer", state);
    this.#shared.steps.set(this.#adapter, state.step);
  }

  #call<Name extends keyof Calls>(
    name: Name,
    argument?: Parameters<Calls[Name]>[0],
  ): Promise<ReturnType<Calls[Name]>> {
    const adapter = this.#adapter;
    return this.#parts.host.call(name, argument, { adapter });
  }
}
