import { slice, type View } from "../gpu/mod.ts";
import { flat, type Step, type StepBuilder } from "./builder.ts";
import type { Dropout } from "./dropout.ts";
import {
  adapterWidth,
  layerMatrices,
  type LayerMatrix,
  type LoraShape,
  paddedRank,
} from "./layout.ts";
import { lowBackward, lowForward } from "./low_rank.ts";
import type { Parameters } from "./parameters.ts";

/** The weights a pass runs with: the model's own, and perhaps an adapter over them. */
export interface Weights {
  readonly base: Parameters;
  readonly adapter?: {
    readonly parameters: Parameters;
    readonly lora: LoraShape;
  };
}

/** Room that the adapters of all layers share while a step is computed. */
export interface AdapterScratch {
  /** `[T, widest output]` */
  readonly output: View;
  /** `[T, widest input]` */
  readonly input: View;
  /** Gradient of the low-rank activations, `[T, widest]`. */
  readonly dh: View;
  /** Absent where nothing is ever dropped. */
  readonly dropout?: Dropout;
}

/** Room for the widest adapted projection over all rows, or over a block of them where it is computed so. */
export function adapterScratch(
  { gpu, shape, rows }: StepBuilder,
  weights: Weights,
): AdapterScratch {
  const matrices = layerMatrices(shape);
  const most = (width: (matrix: LayerMatrix) => number) =>
    gpu.buffer(
      4 * Math.max(...matrices.map((matrix) =>
        width(matrix) *
        (matrix.module === "mlp" ? rows.blocks[0]! : rows).capacity
      )),
    );
  return {
    output: most(outputs),
    input: most(({ input }) => input),
    dh: most((matrix) => widthOf({ layer: 0, matrix }, weights)),
  };
}

/** Where a projection reads and writes. */
export interface LinearViews {
  readonly x: View;
  readonly y: View;
  /** Added to the result. */
  readonly residual?: View;
  readonly scratch?: AdapterScratch;
  /** The adapter's low-rank activations `[T, width]`, kept for the backward pass. */
  readonly h?: View;
}

/** A fused matrix of one layer. */
export interface Linear {
  readonly layer: number;
  readonly matrix: LayerMatrix;
}

/** Width of a linear's adapter; 0 where it has none. */
export function widthOf({ matrix }: Linear, weights: Weights): number {
  return weights.adapter ? adapterWidth(matrix, weights.adapter.lora) : 0;
}

/** Builds the way forward and back through a fused matrix of layer `layer`, from one activation to the next. */
export function buildLinear(
  build: StepBuilder,
  weights: Weights,
  { layer, key, spare, ...views }: LinearViews & {
    readonly layer: number;
    readonly key: LayerMatrix["key"];
    /** As large as the input's gradient; needed where the matrix has several windows. */
    readonly spare: View;
  },
): {
  forward(): readonly Step[];
  /** From the output's gradient `dy` to the input's, `dx`; adds those of whatever is trained. */
  backward(dy: View, dx: View): readonly Step[];
} {
  const matrix = layerMatrices(build.shape).find((other) => other.key === key)!;
  const linear = { layer, matrix };
  return {
    forward: () => linearForward(build, weights, linear, views),
    backward: (dy, dx) =>
      linearBackward(build, weights, linear, { ...views, dy, dx, spare }),
  };
}

/** y = x·Wᵀ [+ scale · (dropout(x)·Aᵀ)·Bᵀ] [+ bias] [+ residual]. */
export function linearForward(
  build: StepBuilder,
  weights: Weights,
  linear: Linear,
  views: LinearViews,
): readonly Step[] {
  const { layer, matrix } = linear;
  const { x, y, residual } = views;
  const [N, K] = [outputs(matrix), matrix.input];
  const width = widthOf(linear, weights);
  const key = `${layer}.${matrix.key}`;
  /** y = x·Wᵀ + added, window by window. */
  const own = (added?: View) =>
    weights.base.windows(key).map(({ firstRow, rows, dtype, weights: B }) =>
      build.product("NT", {
        N: rows,
        K,
        dtype,
        c: { stride: N, first: firstRow },
      }, {
        A: x,
        B,
        C: y,
        ...(added && { residual: added }),
        ...biasOf(weights.base, key, firstRow, rows),
      })
    );
  if (width === 0) return own(residual);
  const { parameters, lora } = weights.adapter!;
  const { output } = views.scratch!;
  const h = views.h!;
  return [
    ...lowForward(build, weights, linear, views),
    build.product("NT", { N, K: width, scale: lora.scale }, {
      A: h,
      B: parameters.view(`${key}.B`),
      C: output,
      ...(residual && { residual }),
    }),
    ...own(output),
  ];
}

/** The part of a bias that belongs to a window. */
function biasOf(
  base: Parameters,
  key: string,
  firstRow: number,
  rows: number,
): { readonly bias?: View } {
  if (!base.has(`${key}_bias`)) return {};
  return { bias: slice(base.view(`${key}_bias`), firstRow * 4, rows * 4) };
}

/** Gradients of {@linkcode linearForward}: dx from dy, and those of whatever is trained. */
function linearBackward(
  build: StepBuilder,
  weights: Weights,
  linear: Linear,
  views: LinearViews & {
    readonly dy: View;
    readonly dx: View;
    readonly spare: View;
  },
): readonly Step[] {
  const { layer, matrix } = linear;
  const { x, dy, dx, spare } = views;
  const [N, K] = [outputs(matrix), matrix.input];
  const key = `${layer}.${matrix.key}`;
  const windows = weights.base.windows(key);
  const own = weights.base.trained
    ? windows.flatMap(({ firstRow, rows, gradients }) =>
      build.weightGradient({
        M: rows,
        N: K,
        a: { stride: N, first: firstRow },
      }, { A: dy, B: x, C: gradients })
    )
    : [];
  const width = widthOf(linear, weights);
  const low = width === 0 ? [] : adapterBackward(build, weights, linear, views);
  // A sum may not be added to in place, so it goes back and forth and ends in dx.
  let sum = width === 0 ? undefined : views.scratch!.input;
  const through = windows.map(({ firstRow, rows, dtype, weights: B }, i) => {
    const residual = sum;
    sum = (windows.length - i) % 2 === 1 ? dx : spare;
    return build.product("NN", {
      N: K,
      K: rows,
      dtype,
      a: { stride: N, first: firstRow },
    }, { A: dy, B, C: sum, ...(residual && { residual }) });
  });
  return [...low, ...through, ...own];
}

/** Gradients of A and B, and what flows through them into `scratch.input`. */
function adapterBackward(
  build: StepBuilder,
  weights: Weights,
  linear: Linear,
  views: LinearViews & { readonly dy: View },
): readonly Step[] {
  const { layer, matrix } = linear;
  const { dy, h } = views;
  const N = outputs(matrix);
  const key = `${layer}.${matrix.key}`;
  const { parameters, lora: { scale } } = weights.adapter!;
  const width = widthOf(linear, weights);
  return [
    build.product("NN", { N: width, K: N, scale }, {
      A: dy,
      B: parameters.view(`${key}.B`),
      C: views.scratch!.dh,
    }),
    ...lowBackward(build, weights, linear, views),
    ...build.weightGradient({ M: N, N: width, scale }, {
      A: dy,
      B: h!,
      C: parameters.view(`${key}.B`, "gradients"),
    }),
    ...keepBlocks(build, weights, linear),
  ];
}

/** Zeroes the gradient between one projection's A and another's B. */
function keepBlocks(
  build: StepBuilder,
  weights: Weights,
  { layer, matrix }: Linear,
): readonly Step[] {
  const { parameters, lora } = weights.adapter!;
  if (matrix.projections.length === 1) return [];
  const spans: number[] = [];
  let row = 0;
  for (const { name, rows } of matrix.projections) {
    if (lora.targets.includes(name)) spans.push(row, row + rows);
    row += rows;
  }
  const WIDTH = adapterWidth(matrix, lora);
  const gradient = parameters.view(`${layer}.${matrix.key}.B`, "gradients");
  return [
    build.step(
      "blockDiagonal",
      [gradient, build.gpu.upload(Uint32Array.from(spans))],
      () => flat(Math.ceil(row * WIDTH / 64)),
      { OUT: row, WIDTH, RANK: paddedRank(lora) },
    ),
  ];
}

function outputs({ projections }: LayerMatrix): number {
  return projections.reduce((sum, { rows }) => sum + rows, 0);
}
