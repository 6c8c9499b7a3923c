import type { View } from "../gpu/mod.ts";
import type { Activations } from "./activations.ts";
import { CHUNK, type Step, type StepBuilder } from "./builder.ts";
import { buildFeedForward } from "./feed_forward.ts";
import { holderOf } from "./holder_of.ts";
import type { LayerMatrix } from "./layout.ts";
import { type AdapterScratch, buildLinear, type Weights } from "./linear.ts";

/** Inputs of the attention kernels that change with every batch. */
export interface BatchViews {
  readonly tokens: View;
  readonly positions: View;
  readonly visibleUntil: View;
  readonly tileStart: View;
  readonly tileList: View;
  readonly tileUntil: View;
  /** Cosines and sines, `[maxPositions, HD / 2, 2]`. */
  readonly rotary: View;
}

/** Gradients in flight, shared by all layers. */
export interface Scratch {
  /** Gradient of the residual stream, `[T, D]`. */
  readonly dx: View;
  /** `[T, max(D, H · HD)]`. */
  readonly dn: View;
  /** Of a block of rows, `[rows, F]`. */
  readonly dh: View;
  /** Of a block of rows, `[rows, 2F]`. */
  readonly dgu: View;
  /** `[T, (H + 2K) · HD]`. */
  readonly dqkv: View;
  /** `[T, (H + K) · HD]`. */
  readonly dqk: View;
  /** `[T, H]`. */
  readonly delta: View;
  /** `[T, max(D, H · HD)]`, or `[rows, F]` of a block of rows */
  readonly spare: View;
  /** First stage of column sums, `[T / 64, widest]`. */
  readonly partial: View;
  /** Where there is an adapter. */
  readonly adapter?: AdapterScratch;
}

/** One decoder layer over token trees: its activations, forward and backward. */
export interface Layer {
  /** The residual stream after the layer, `[T, D]`. */
  readonly output: View;
  readonly forward: readonly Step[];
  /** Makes the activations anew from the layer's input, to the same bits, where other layers have used their place. */
  readonly recompute: readonly Step[];
  /** Turns `scratch.dx` from the gradient of the output into that of the input; adds weight gradients. */
  readonly backward: readonly Step[];
}

/**
 * Builds layer `index` on the residual stream `x`, `[T, D]`.
 *
 * x ← x + Attention(RMSNorm(x)), then x ← x + SwiGLU(RMSNorm(x)).
 */
export function buildLayer(
  build: StepBuilder,
  weights: Weights,
  options: {
    readonly index: number;
    readonly x: View;
    /** Receives the residual stream after the layer, `[T, D]`. */
    readonly output: View;
    readonly activations: Activations;
    readonly batch: BatchViews;
    readonly scratch: Scratch;
  },
): Layer {
  const { gpu, shape } = build;
  const { index, x, output, activations, batch, scratch } = options;
  const { hiddenSize: D, heads: H, kvHeads: K, headDim: HD } = shape;
  const holder = (name: string) => holderOf(weights, `${index}.${name}`);
  const weight = (name: string) => holder(name).view(`${index}.${name}`);
  const tiles = (count: number) => count / gpu.lanes;

  const { n1, rstd1, n2, rstd2, qkv, qk, attended, lse, middle } = activations;
  // The positions tell how far back a key stands, where that matters.
  const window = shape.slidingWindow ? [batch.positions] : [];
  const gains = shape.qkNorm ? [weight("q_norm"), weight("k_norm")] : [];
  const { tileStart, tileList, tileUntil, visibleUntil, positions, rotary } =
    batch;

  const { spare, adapter } = scratch;
  const linear = (
    key: LayerMatrix["key"],
    views: { readonly x: View; readonly y: View; readonly residual?: View },
  ) => {
    const h = activations.low.get(key)?.[0];
    return buildLinear(build, weights, {
      layer: index,
      key,
      spare,
      ...views,
      ...(h && { h }),
      ...(adapter && { scratch: adapter }),
    });
  };
  const project = linear("qkv", { x: n1, y: qkv });
  const out = linear("out", { x: attended, y: middle, residual: x });
  const mlp = buildFeedForward(build, weights, {
    index,
    output,
    activations,
    scratch,
  });

  const tree = [qk, qkv, visibleUntil];
  const before = [
    build.norm(x, weight("attention_norm"), n1, rstd1),
    ...project.forward(),
    build.step(
      "qkRope",
      [qkv, positions, rotary, qk, ...gains],
      (count) => [count],
    ),
    build.step(
      "attention",
      [...tree, tileStart, tileList, attended, lse, ...window],
      (count) => [tiles(count), H],
    ),
    ...out.forward(),
    build.norm(middle, weight("mlp_norm"), n2, rstd2),
  ];
  const forward = [...before, ...mlp.forward];
  const recompute = [...before, ...mlp.recompute];

  const { dx, dn, dqkv, dqk, delta, partial } = scratch;
  /** Steps that add to the gradient of a gain or bias, where that is trained. */
  const own = (name: string, steps: (gradient: View) => readonly Step[]) =>
    holder(name).trained
      ? steps(holder(name).view(`${index}.${name}`, "gradients"))
      : [];
  const backward = [
    ...mlp.backward,
    ...own(
      "mlp_norm",
      (gradient) =>
        build.columnSums(D, dn, gradient, partial, { X: middle, rstd: rstd2 }),
    ),
    build.normBackward(middle, weight("mlp_norm"), rstd2, dn, dx, true),
    ...out.backward(dx, dn),
    ...(shape.outputBias
      ? own(
        "out_bias",
        (gradient) => build.columnSums(D, dx, gradient, partial),
      )
      : []),
    build.step(
      "attentionBackwardQ",
      [
        ...tree,
        tileStart,
        tileList,
        attended,
        lse,
        dn,
        dqk,
        delta,
        ...window,
      ],
      (count) => [tiles(count), H],
    ),
    build.step(
      "attentionBackwardKv",
      [...tree, tileUntil, lse, delta, dn, dqk, dqkv, ...window],
      (count) => [tiles(count), K],
    ),
    build.step(
      "qkRopeBackward",
      [
        dqk,
        positions,
        rotary,
        dqkv,
        build.rows.whole,
        ...(shape.qkNorm ? [qkv, ...gains, partial] : []),
      ],
      (count) => [Math.ceil(count / CHUNK)],
      { CHUNK },
    ),
    ...(shape.qkNorm ? ["q_norm", "k_norm"] : []).flatMap((name, i) =>
      own(name, (gradient) => [
        build.sumPartials(
          { N: HD, pitch: 2 * HD, offset: i * HD },
          partial,
          gradient,
        ),
      ])
    ),
    ...project.backward(dqkv, dn),
    ...(shape.attentionBias
      ? own(
        "qkv_bias",
        (gradient) =>
          build.columnSums((H + 2 * K) * HD, dqkv, gradient, partial),
      )
      : []),
    ...own(
      "attention_norm",
      (gradient) =>
        build.columnSums(D, dn, gradient, partial, { X: x, rstd: rstd1 }),
    ),
    build.normBackward(x, weight("attention_norm"), rstd1, dn, dx, true),
  ];
  return { output, forward, recompute, backward };
}
