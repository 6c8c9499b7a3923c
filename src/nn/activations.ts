import type { View } from "../gpu/mod.ts";
import type { StepBuilder } from "./builder.ts";
import { layerMatrices, type LayerMatrix } from "./layout.ts";
import { type Weights, widthOf } from "./linear.ts";

/** What a layer's backward pass needs of its forward pass, beside the input; T tokens. */
export interface Activations {
  /** RMSNorm before the attention, `[T, D]`, and 1 / RMS. */
  readonly n1: View;
  readonly rstd1: View;
  /** RMSNorm before the feed-forward part, `[T, D]`, and 1 / RMS. */
  readonly n2: View;
  readonly rstd2: View;
  /** `[T, (H + 2K) · HD]`, before the rotation. */
  readonly qkv: View;
  /** Rotated queries and keys, `[T, (H + K) · HD]`. */
  readonly qk: View;
  /** `[T, H · HD]` */
  readonly attended: View;
  /** Log-sum-exp of each row of scores, `[T, H]`. */
  readonly lse: View;
  /** The residual stream after the attention, `[T, D]`. */
  readonly middle: View;
  /** Gate and up, `[rows, 2F]` of each block of rows. */
  readonly gu: readonly View[];
  /** SwiGLU of it, `[rows, F]`. */
  readonly h: readonly View[];
  /** The adapter's low-rank activations of each fused matrix that it adapts, `[rows, width]`: in blocks where the matrix is computed so. */
  readonly low: ReadonlyMap<LayerMatrix["key"], readonly View[]>;
}

/** Room for the activations of a layer; all layers need the same. */
export function layerActivations(
  { gpu, shape, rows: { capacity, blocks } }: StepBuilder,
  weights: Weights,
): Activations {
  const { hiddenSize: D, heads: H, kvHeads: K, headDim: HD, feedForward: F } =
    shape;
  const rows = (width: number) => gpu.buffer(capacity * width * 4);
  const blockwise = (width: number) =>
    blocks.map(({ capacity }) => gpu.buffer(capacity * width * 4));
  const low = layerMatrices(shape).flatMap((matrix) => {
    const width = widthOf({ layer: 0, matrix }, weights);
    if (width === 0) return [];
    const views = matrix.module === "mlp" ? blockwise(width) : [rows(width)];
    return [[matrix.key, views] as const];
  });
  return {
    n1: rows(D),
    rstd1: rows(1),
    n2: rows(D),
    rstd2: rows(1),
    qkv: rows((H + 2 * K) * HD),
    qk: rows((H + K) * HD),
    attended: rows(H * HD),
    lse: rows(H),
    middle: rows(D),
    gu: blockwise(2 * F),
    h: blockwise(F),
    low: new Map(low),
  };
}
