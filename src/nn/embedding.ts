import type { View } from "../gpu/mod.ts";
import { flat, type Step, type StepBuilder } from "./builder.ts";
import { holderOf } from "./holder_of.ts";
import type { Weights } from "./linear.ts";
import type { Window } from "./parameters.ts";

const HALF = { f32: 0, f16: 1, bf16: 2 } as const;

/** Looks up the rows of the embedding, window by window: x [rows, D], every `stride`-th word a token. */
export function embed(
  build: StepBuilder,
  weights: Weights,
  { tokens, stride, x }: {
    readonly tokens: View;
    readonly stride: number;
    readonly x: View;
  },
): readonly Step[] {
  const { hiddenSize: D } = build.shape;
  return holderOf(weights, "embed").windows("embed").map((window) =>
    build.step(
      "embedding",
      [tokens, window.weights, x, build.rows.whole],
      (rows) => flat(Math.ceil(rows * D / 4 / 64)),
      { ...stretch(window), STRIDE: stride, HALF: HALF[window.dtype] },
    )
  );
}

/** Adds the embedding's gradient, window by window, from `dx` [rows, D]; nothing where it is not trained. */
export function embedBackward(
  build: StepBuilder,
  weights: Weights,
  { distinct, order, counts, dx, groups }: {
    /** (token id, first, last + 1, 0) of each distinct token, into `order`. */
    readonly distinct: View;
    /** Positions sorted by token id. */
    readonly order: View;
    readonly counts: View;
    readonly dx: View;
    /** How many distinct tokens there are this time. */
    readonly groups: () => number;
  },
): readonly Step[] {
  const holder = holderOf(weights, "embed");
  if (!holder.trained) return [];
  return holder.windows("embed").map((window) =>
    build.step(
      "embeddingBackward",
      [distinct, order, dx, window.gradients, counts],
      () => flat(groups()),
      stretch(window),
    )
  );
}

function stretch({ firstRow, rows }: Window) {
  return { FIRST: firstRow, COUNT: rows };
}
