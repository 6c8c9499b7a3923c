import { slice, type View } from "../gpu/mod.ts";
import type { Step, StepBuilder } from "./builder.ts";
import {
  adaptedProjections,
  adapterWidth,
  type LoraTarget,
  paddedRank,
} from "./layout.ts";
import type { Linear, LinearViews, Weights } from "./linear.ts";

/** h = dropout(x)·Aᵀ, the projections apart where each has a mask of its own. */
export function lowForward(
  build: StepBuilder,
  weights: Weights,
  linear: Linear,
  views: LinearViews,
): readonly Step[] {
  const { layer, matrix } = linear;
  const { x, scratch } = views;
  const h = views.h!;
  const { dropout, input } = scratch!;
  const { parameters, lora } = weights.adapter!;
  const K = matrix.input;
  const width = adapterWidth(matrix, lora);
  if (!dropout) {
    const A = parameters.view(`${layer}.${matrix.key}.A`);
    return [build.product("NT", { N: width, K }, { A: x, B: A, C: h })];
  }
  return lowProjections(linear, weights).flatMap(
    ({ target, first, rank, A }) => [
      dropout.step(build, { layer, target, N: K }, { from: x, into: input }),
      build.product(
        "NT",
        { N: rank, K, c: { stride: width, first } },
        { A: input, B: A("weights"), C: h },
      ),
    ],
  );
}

/** Gradient of A from `scratch.dh`, and what flows on into `scratch.input`. */
export function lowBackward(
  build: StepBuilder,
  weights: Weights,
  linear: Linear,
  { x, scratch }: LinearViews,
): readonly Step[] {
  const { layer, matrix } = linear;
  const { input, output, dh, dropout } = scratch!;
  const { parameters, lora } = weights.adapter!;
  const K = matrix.input;
  const width = adapterWidth(matrix, lora);
  if (!dropout) {
    const key = `${layer}.${matrix.key}.A`;
    return [
      build.product("NN", { N: K, K: width }, {
        A: dh,
        B: parameters.view(key),
        C: input,
      }),
      ...build.weightGradient({ M: width, N: K }, {
        A: dh,
        B: x,
        C: parameters.view(key, "gradients"),
      }),
    ];
  }
  // The output of the forward pass is used up by now, and at least as wide as any input.
  return lowProjections(linear, weights).flatMap(
    ({ target, first, rank, A }) => {
      const place = { layer, target, N: K };
      const a = { stride: width, first };
      return [
        dropout.step(build, place, { from: x, into: output }),
        ...build.weightGradient({ M: rank, N: K, a }, {
          A: dh,
          B: output,
          C: A("gradients"),
        }),
        build.product("NN", { N: K, K: rank, a }, {
          A: dh,
          B: A("weights"),
          C: output,
        }),
        dropout.step(build, place, {
          from: output,
          into: input,
          accumulate: first > 0,
        }),
      ];
    },
  );
}

/** Where one adapted projection stands within its fused matrix. */
interface LowProjection {
  readonly target: LoraTarget;
  /** First of its columns in the low-rank activations. */
  readonly first: number;
  /** How many there are, padding included. */
  readonly rank: number;
  /** Its rows of A, or of their gradient. */
  A(buffer: "weights" | "gradients"): View;
}

function lowProjections(
  { layer, matrix }: Linear,
  weights: Weights,
): readonly LowProjection[] {
  const { parameters, lora } = weights.adapter!;
  const rank = paddedRank(lora);
  const bytes = rank * matrix.input * 4;
  return adaptedProjections(matrix, lora).map(({ name: target }, i) => ({
    target,
    first: i * rank,
    rank,
    A: (buffer) =>
      slice(
        parameters.view(`${layer}.${matrix.key}.A`, buffer),
        i * bytes,
        bytes,
      ),
  }));
}
