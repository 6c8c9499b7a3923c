import { type Gpu, literal, slice, type View } from "../gpu/mod.ts";
import { flat, type Step, type StepBuilder } from "./builder.ts";
import { LORA_TARGETS, type LoraTarget } from "./layout.ts";

/** Which of a run's masks a forward pass draws. */
export interface DropoutDraw {
  /** Optimizer steps taken before. */
  readonly step: number;
  /** Passes that added to this step's gradients before. */
  readonly pass: number;
}

/** What one projection's mask is laid over. */
export interface DropoutViews {
  /** `[T, N]` */
  readonly from: View;
  /** `[T, N]` */
  readonly into: View;
  /** Adds to `into`. @default false: writes it */
  readonly accumulate?: boolean;
}

/**
 * Inverted dropout of what an adapter's projections read, with a mask for each.
 *
 * A mask depends on seed, step, pass, layer, projection, row and column alone, and is drawn anew wherever it is wanted:
 * by the backward pass, by recomputed activations, by a run that was resumed. A row is a node of the batch, so what
 * shares a prefix shares its mask.
 */
export class Dropout {
  readonly #gpu: Gpu;
  readonly #seed: number;
  readonly #literals: { readonly THRESHOLD: number; readonly SCALE: string };
  readonly #draw: View;
  readonly #streams: View;

  /** @param options.rate Share of the inputs that is dropped, above 0 and below 1. */
  constructor(
    gpu: Gpu,
    { rate, seed, layers }: {
      readonly rate: number;
      readonly seed: number;
      readonly layers: number;
    },
  ) {
    this.#gpu = gpu;
    this.#seed = seed;
    this.#literals = {
      THRESHOLD: Math.floor(rate * 2 ** 32),
      SCALE: literal(1 / (1 - rate)),
    };
    this.#draw = gpu.buffer(16);
    const streams = new Uint32Array(layers * LORA_TARGETS.length * 64);
    for (let i = 0; i < streams.length; i += 64) streams[i] = i / 64;
    this.#streams = gpu.upload(streams);
  }

  /** Chooses the masks of what is submitted next; without a draw nothing is dropped. */
  set(draw?: DropoutDraw): void {
    const { step, pass } = draw ?? { step: 0, pass: 0 };
    this.#gpu.write(
      this.#draw,
      Uint32Array.of(this.#seed, step, pass, Number(draw !== undefined)),
    );
  }

  /** Lays the mask of a projection over what is N wide. */
  step(
    build: StepBuilder,
    { layer, target, N }: {
      readonly layer: number;
      readonly target: LoraTarget;
      readonly N: number;
    },
    { from, into, accumulate = false }: DropoutViews,
  ): Step {
    const stream = layer * LORA_TARGETS.length + LORA_TARGETS.indexOf(target);
    return build.step(
      "dropout",
      [
        from,
        into,
        build.rows.whole,
        this.#draw,
        slice(this.#streams, stream * 256, 16),
      ],
      (rows) => flat(Math.ceil(rows * N / 4 / 64)),
      { N, ACCUMULATE: Number(accumulate), ...this.#literals },
    );
  }
}
