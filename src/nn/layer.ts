import type { View } from "../gpu/mod.ts";
import { CHUNK, flat, type Step, type StepBuilder } from "./builder.ts";
import type { Parameters } from "./parameters.ts";

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
  /** `[T, F]`. */
  readonly dh: View;
  /** `[T, 2F]`. */
  readonly dgu: View;
  /** `[T, (H + 2K) · HD]`. */
  readonly dqkv: View;
  /** `[T, (H + K) · HD]`. */
  readonly dqk: View;
  /** `[T, H]`. */
  readonly delta: View;
  /** First stage of column sums, `[T / 64, widest]`. */
  readonly partial: View;
}

/** One decoder layer over token trees: its activations, forward and backward. */
export interface Layer {
  /** The residual stream after the layer, `[T, D]`. */
  readonly output: View;
  readonly forward: readonly Step[];
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
  parameters: Parameters,
  options: {
    readonly index: number;
    readonly x: View;
    readonly capacity: number;
    readonly batch: BatchViews;
    readonly scratch: Scratch;
  },
): Layer {
  const { gpu, shape } = build;
  const { index, x, capacity: T, batch, scratch } = options;
  const { hiddenSize: D, heads: H, kvHeads: K, headDim: HD, feedForward: F } =
    shape;
  const QKV = (H + 2 * K) * HD;
  const weight = (name: string) => parameters.view(`${index}.${name}`);
  const gradient = (name: string) =>
    parameters.view(`${index}.${name}`, "gradients");
  const rows = (width: number) => gpu.buffer(T * width * 4);
  const tiles = (count: number) => count / gpu.lanes;
  const elements = (width: number) => (count: number) =>
    flat(count * width / 4 / 64);

  const n1 = rows(D), rstd1 = rows(1), qkv = rows(QKV), qk = rows((H + K) * HD);
  const attended = rows(H * HD), lse = rows(H), middle = rows(D);
  const n2 = rows(D),
    rstd2 = rows(1),
    gu = rows(2 * F),
    h = rows(F),
    output = rows(D);
  // The positions tell how far back a key stands, where that matters.
  const window = shape.slidingWindow ? [batch.positions] : [];
  const gains = shape.qkNorm ? [weight("q_norm"), weight("k_norm")] : [];
  const { tileStart, tileList, tileUntil, visibleUntil, positions, rotary } =
    batch;

  const forward = [
    build.norm(x, weight("attention_norm"), n1, rstd1),
    build.product("NT", { N: QKV, K: D }, {
      A: n1,
      B: weight("qkv"),
      C: qkv,
      ...(shape.attentionBias && { bias: weight("qkv_bias") }),
    }),
    build.step(
      "qkRope",
      [qkv, positions, rotary, qk, ...gains],
      (count) => [count],
    ),
    build.step(
      "attention",
      [
        qk,
        qkv,
        visibleUntil,
        tileStart,
        tileList,
        attended,
        lse,
        ...window,
      ],
      (count) => [tiles(count), H],
    ),
    build.product("NT", { N: D, K: H * HD }, {
      A: attended,
      B: weight("out"),
      C: middle,
      residual: x,
      ...(shape.outputBias && { bias: weight("out_bias") }),
    }),
    build.norm(middle, weight("mlp_norm"), n2, rstd2),
    build.product("NT", { N: 2 * F, K: D }, {
      A: n2,
      B: weight("gate_up"),
      C: gu,
    }),
    build.step("swiglu", [gu, h, build.rows.whole], elements(F)),
    build.product("NT", { N: D, K: F }, {
      A: h,
      B: weight("down"),
      C: output,
      residual: middle,
    }),
  ];

  const { dx, dn, dh, dgu, dqkv, dqk, delta, partial } = scratch;
  const mlp = [
    build.product("NN", { N: F, K: D }, { A: dx, B: weight("down"), C: dh }),
    ...build.weightGradient({ M: D, N: F }, {
      A: dx,
      B: h,
      C: gradient("down"),
    }),
    build.step("swigluBackward", [gu, dh, dgu, build.rows.whole], elements(F)),
    build.product("NN", { N: D, K: 2 * F }, {
      A: dgu,
      B: weight("gate_up"),
      C: dn,
    }),
    ...build.weightGradient({ M: 2 * F, N: D }, {
      A: dgu,
      B: n2,
      C: gradient("gate_up"),
    }),
    ...build.columnSums(D, dn, gradient("mlp_norm"), partial, {
      X: middle,
      rstd: rstd2,
    }),
    build.normBackward(middle, weight("mlp_norm"), rstd2, dn, dx, true),
  ];
  const attentionViews = [qk, qkv, visibleUntil];
  const attention = [
    build.product("NN", { N: H * HD, K: D }, {
      A: dx,
      B: weight("out"),
      C: dn,
    }),
    ...build.weightGradient({ M: D, N: H * HD }, {
      A: dx,
      B: attended,
      C: gradient("out"),
    }),
    ...(shape.outputBias
      ? build.columnSums(D, dx, gradient("out_bias"), partial)
      : []),
    build.step(
      "attentionBackwardQ",
      [
        ...attentionViews,
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
      [...attentionViews, tileUntil, lse, delta, dn, dqk, dqkv, ...window],
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
    ...(shape.qkNorm
      ? [
        build.sumPartials(
          { N: HD, pitch: 2 * HD, offset: 0 },
          partial,
          gradient("q_norm"),
        ),
        build.sumPartials(
          { N: HD, pitch: 2 * HD, offset: HD },
          partial,
          gradient("k_norm"),
        ),
      ]
      : []),
    build.product("NN", { N: D, K: QKV }, { A: dqkv, B: weight("qkv"), C: dn }),
    ...build.weightGradient({ M: QKV, N: D }, {
      A: dqkv,
      B: n1,
      C: gradient("qkv"),
    }),
    ...(shape.attentionBias
      ? build.columnSums(QKV, dqkv, gradient("qkv_bias"), partial)
      : []),
    ...build.columnSums(D, dn, gradient("attention_norm"), partial, {
      X: x,
      rstd: rstd1,
    }),
    build.normBackward(x, weight("attention_norm"), rstd1, dn, dx, true),
  ];
  return { output, forward, backward: [...mlp, ...attention] };
}
