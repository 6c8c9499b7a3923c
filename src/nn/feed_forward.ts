import type { View } from "../gpu/mod.ts";
import type { Activations } from "./activations.ts";
import { flat, type Step, type StepBuilder } from "./builder.ts";
import type { Scratch } from "./layer.ts";
import type { LayerMatrix } from "./layout.ts";
import { buildLinear, type Weights } from "./linear.ts";

/** The feed-forward part of a layer. */
export interface FeedForward {
  /** From `activations.n2` and `activations.middle` to the layer's output. */
  readonly forward: readonly Step[];
  /** The part of `forward` whose results the backward pass needs. */
  readonly recompute: readonly Step[];
  /** From the output's gradient in `scratch.dx` to that of `n2` in `scratch.dn`; adds weight gradients. */
  readonly backward: readonly Step[];
}

/**
 * Builds output = middle + SwiGLU(n2) of layer `index`, row by row (Shazeer, arXiv 2002.05202).
 *
 * Its activations are the widest of all, and no row needs another: where one binding cannot reach all of them, they are
 * computed in blocks of rows, each with buffers of its own, to the same bits.
 */
export function buildFeedForward(
  build: StepBuilder,
  weights: Weights,
  { index, output, activations, scratch }: {
    readonly index: number;
    /** `[T, D]` */
    readonly output: View;
    readonly activations: Activations;
    readonly scratch: Scratch;
  },
): FeedForward {
  const { hiddenSize: D, feedForward: F } = build.shape;
  const { n2, middle, low } = activations;
  const { dx, dn, dh, dgu, spare, adapter } = scratch;
  const elements = (count: number) => flat(count * F / 4 / 64);
  // Of the last product the backward pass needs what stands before the products with the base's own windows.
  const windows = weights.base.windows(`${index}.down`).length;

  /** The steps over one block: `all` of the forward pass, what is `kept` of it, and the way `back`. */
  const steps = (which: "all" | "kept" | "back") =>
    build.inBlocks(({ build, of }, block) => {
      const [gu, h] = [activations.gu[block]!, activations.h[block]!];
      const linear = (
        key: LayerMatrix["key"],
        views: { readonly x: View; readonly y: View; readonly residual?: View },
      ) => {
        const h = low.get(key)?.[block];
        return buildLinear(build, weights, {
          layer: index,
          key,
          spare,
          ...views,
          ...(h && { h }),
          ...(adapter && { scratch: adapter }),
        });
      };
      const gateUp = linear("gate_up", { x: of(n2, D), y: gu });
      const down = linear("down", {
        x: h,
        y: of(output, D),
        residual: of(middle, D),
      });
      if (which === "back") {
        return [
          ...down.backward(of(dx, D), dh),
          build.step(
            "swigluBackward",
            [gu, dh, dgu, build.rows.whole],
            elements,
          ),
          ...gateUp.backward(dgu, of(dn, D)),
        ];
      }
      const last = down.forward();
      return [
        ...gateUp.forward(),
        build.step("swiglu", [gu, h, build.rows.whole], elements),
        ...which === "all" ? last : last.slice(0, -windows),
      ];
    });
  return {
    forward: steps("all"),
    recompute: steps("kept"),
    backward: steps("back"),
  };
}
