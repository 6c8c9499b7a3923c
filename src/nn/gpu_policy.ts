import { UserError } from "../errors.ts";
import type { GemmPlanner } from "../gpu/mod.ts";
import { Optimizer } from "./optimizer.ts";
import { Parameters } from "./parameters.ts";
import type {
  HostTensor,
  OptimizerState,
  ScoreGradients,
  StepOptions,
  TreeInput,
  TreeScores,
} from "./policy.ts";
import type { TransformerShape } from "./shape.ts";
import { Transformer } from "./transformer.ts";

/** Options of {@linkcode GpuPolicy}. */
export interface GpuPolicyOptions {
  /** Most nodes of a batch. */
  readonly maxNodes: number;
  /** Whether gradients and optimizer state are held. */
  readonly trained: boolean;
}

/** The policy's weights on this thread's GPU: what the Worker runs behind the `Policy` interface. */
export class GpuPolicy {
  readonly parameters: Parameters;
  readonly #planner: GemmPlanner;
  readonly #options: GpuPolicyOptions;
  readonly #reference: readonly HostTensor[];
  #transformer: Transformer | undefined;
  #optimizer: Optimizer | undefined;
  #steps = 0;

  /** @param weights The model's tensors under their Hugging Face names. */
  constructor(
    planner: GemmPlanner,
    shape: TransformerShape,
    weights: readonly HostTensor[],
    options: GpuPolicyOptions,
  ) {
    this.#planner = planner;
    this.#options = options;
    this.#reference = weights;
    this.parameters = new Parameters(planner.gpu, shape, options.trained);
    this.parameters.write(weights);
  }

  /** Made at the first need, since activations take room that pure inference can do without. */
  get transformer(): Transformer {
    this.#transformer ??= new Transformer(
      this.#planner,
      this.parameters,
      this.#options,
    );
    return this.#transformer;
  }

  forward(input: TreeInput): Promise<TreeScores> {
    return this.transformer.forward(input);
  }

  /** Scores under the weights the policy was opened with, which stand in for the others meanwhile. */
  async reference(input: TreeInput): Promise<TreeScores> {
    const trained = await this.parameters.read();
    this.parameters.write(this.#reference);
    try {
      return await this.transformer.forward(input);
    } finally {
      this.parameters.write(trained);
    }
  }

  backward(gradients: ScoreGradients): void {
    this.#requireTrained();
    this.transformer.backward(gradients);
  }

  async step(options: StepOptions): Promise<{ readonly gradNorm: number }> {
    this.#requireTrained();
    this.#optimizer ??= new Optimizer(this.parameters);
    return { gradNorm: await this.#optimizer.step(++this.#steps, options) };
  }

  discard(): void {
    this.#planner.gpu.clear(
      this.parameters.arenas.map((arena) => arena.gradients),
    );
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
    this.parameters.write(m, "m");
    this.parameters.write(v, "v");
  }

  #requireTrained(): void {
    if (!this.#options.trained) {
      throw new UserError("This model was opened for inference only");
    }
  }
}
