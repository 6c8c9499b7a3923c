import type { Gpu, Op, View } from "../gpu/mod.ts";
import { SOURCES } from "./_kernels.ts";
import { flat } from "./builder.ts";
import type { Parameters } from "./parameters.ts";
import type { StepOptions } from "./policy.ts";

/** Stretches of an arena whose squares are summed side by side. */
const STRETCHES = 64;

/** AdamW over the arenas, with decoupled weight decay and clipping by the global norm. */
export class Optimizer {
  readonly #gpu: Gpu;
  readonly #parameters: Parameters;
  readonly #norm: View;
  readonly #arenas: readonly {
    readonly squares: Op;
    readonly update: Op;
    readonly settings: View;
  }[];
  readonly #finish: Op;

  constructor(parameters: Parameters) {
    const gpu = this.#gpu = parameters.gpu;
    this.#parameters = parameters;
    const partial = gpu.buffer(STRETCHES * parameters.arenas.length * 4);
    this.#norm = gpu.buffer(4);
    this.#arenas = parameters.arenas.map((arena, i) => {
      const settings = gpu.buffer(8 * 4);
      const size = gpu.upload(
        Uint32Array.of(arena.size / 4, i * STRETCHES, 0, 0),
      );
      const adamw = gpu.kernel(SOURCES.adamw, { COUNT: arena.size / 4 });
      return {
        settings,
        squares: gpu.op(gpu.kernel(SOURCES.squareSums), [
          arena.gradients,
          partial,
          size,
        ]),
        update: gpu.op(adamw, [
          arena.weights,
          arena.gradients,
          arena.m,
          arena.v,
          settings,
          this.#norm,
        ]),
      };
    });
    const total = gpu.upload(
      Uint32Array.of(STRETCHES * parameters.arenas.length, 0, 0, 0),
    );
    this.#finish = gpu.op(gpu.kernel(SOURCES.norm), [
      partial,
      this.#norm,
      total,
    ]);
  }

  /**
   * Takes one step with the gradients as they stand, and zeroes them.
   *
   * @param step Which step this is, from 1: corrects the moments' bias.
   * @returns The gradients' global norm before clipping.
   */
  async step(step: number, options: StepOptions): Promise<number> {
    const { learningRate, beta1, beta2, epsilon, weightDecay, maxGradNorm } =
      options;
    this.#arenas.forEach(({ settings }, i) => {
      const decay = this.#parameters.arenas[i]!.matrix ? weightDecay : 0;
      this.#gpu.write(
        settings,
        Float32Array.of(
          learningRate,
          beta1,
          beta2,
          epsilon,
          decay,
          1 / (1 - beta1 ** step),
          1 / (1 - beta2 ** step),
          maxGradNorm,
        ),
      );
    });
    this.#gpu.submit((dispatch) => {
      for (const { squares } of this.#arenas) dispatch(squares, [STRETCHES]);
      dispatch(this.#finish, [1]);
      this.#arenas.forEach(({ update }, i) => {
        dispatch(
          update,
          flat(Math.ceil(this.#parameters.arenas[i]!.size / 4 / 64)),
        );
      });
    });
    const [norm] = await this.#gpu.read([{ view: this.#norm, bytes: 4 }]);
    return new Float32Array(norm!)[0]!;
  }
}
