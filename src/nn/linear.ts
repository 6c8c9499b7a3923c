import type { View } from "../gpu/mod.ts";
import { flat, type Step, type StepBuilder } from "./builder.ts";
import {
  adapterWidth,
  layerMatrices,
  type LayerMatrix,
  type LoraShape,
} from "./layout.ts";
import type { Parameters } from "./parameters.ts";
import { roundUp } from "./shape.ts";

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
}

/** Room for the widest adapted projection over `rows` rows. */
export function adapterScratch(
  { gpu, shape }: StepBuilder,
  weights: Weights,
  rows: number,
): AdapterScratch {
  const matrices = layerMatrices(shape);
  const most = (size: (matrix: LayerMatrix) => number) =>
    gpu.buffer(rows * Math.max(...matrices.map(size)) * 4);
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

/** y = x·Wᵀ [+ scale · (x·Aᵀ)·Bᵀ] [+ bias] [+ residual]. */
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
  const bias = weights.base.has(`${key}_bias`)
    ? { bias: weights.base.view(`${key}_bias`) }
    : {};
  const W = weights.base.view(key);
  if (width === 0) {
    const rest = residual ? { residual } : {};
    return [
      build.product("NT", { N, K }, { A: x, B: W, C: y, ...bias, ...rest }),
    ];
  }
  const { parameters, lora } = weights.adapter!;
  const { output } = views.scratch!;
  const h = views.h!;
  return [
    build.product("NT", { N: width, K }, {
      A: x,
      B: parameters.view(`${key}.A`),
      C: h,
    }),
    build.product("NT", { N, K: width, scale: lora.scale }, {
      A: h,
      B: parameters.view(`${key}.B`),
      C: output,
      ...(residual && { residual }),
    }),
    build.product("NT", { N, K }, {
      A: x,
      B: W,
      C: y,
      residual: output,
      ...bias,
    }),
  ];
}

/** Gradients of {@linkcode linearForward}: dx from dy, and those of whatever is trained. */
export function linearBackward(
  build: StepBuilder,
  weights: Weights,
  linear: Linear,
  views: LinearViews & { readonly dy: View; readonly dx: View },
): readonly Step[] {
  const { layer, matrix } = linear;
  const { x, dy, dx } = views;
  const [N, K] = [outputs(matrix), matrix.input];
  const key = `${layer}.${matrix.key}`;
  const W = weights.base.view(key);
  const own = weights.base.trained
    ? build.weightGradient({ M: N, N: K }, {
      A: dy,
      B: x,
      C: weights.base.view(key, "gradients"),
    })
    : [];
  const width = widthOf(linear, weights);
  if (width === 0) {
    return [
      build.product("NN", { N: K, K: N }, { A: dy, B: W, C: dx }),
      ...own,
    ];
  }
  const { parameters, lora } = weights.adapter!;
  const { input, dh } = views.scratch!;
  const h = views.h!;
  const { scale } = lora;
  return [
    build.product("NN", { N: width, K: N, scale }, {
      A: dy,
      B: parameters.view(`${key}.B`),
      C: dh,
    }),
    build.product("NN", { N: K, K: width }, {
      A: dh,
      B: parameters.view(`${key}.A`),
      C: input,
    }),
    ...build.weightGradient({ M: width, N: K }, {
      A: dh,
      B: x,
      C: parameters.view(`${key}.A`, "gradients"),
    }),
    ...build.weightGradient({ M: N, N: width, scale }, {
      A: dy,
      B: h,
      C: parameters.view(`${key}.B`, "gradients"),
    }),
    ...keepBlocks(build, weights, linear),
    build.product("NN", { N: K, K: N }, {
      A: dy,
      B: W,
      C: dx,
      residual: input,
    }),
    ...own,
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
      { OUT: row, WIDTH, RANK: roundUp(lora.rank, 4) },
    ),
  ];
}

function outputs({ projections }: LayerMatrix): number {
  return projections.reduce((sum, { rows }) => sum + rows, 0);
}
