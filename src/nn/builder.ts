import {
  type Columns,
  FEW_ROWS,
  gemm,
  type GemmPlanner,
  type GemmViews,
  type Gpu,
  type Grid,
  type KernelParameters,
  literal,
  type Op,
  slice,
  type View,
  type WeightType,
} from "../gpu/mod.ts";
import type { RowCount } from "./row_count.ts";
import { SOURCES } from "./_kernels.ts";
import type { TransformerShape } from "./shape.ts";

/** One dispatch of a recorded sequence, over however many rows there are this time. */
export interface Step {
  readonly op: Op;
  /** Workgroups for `rows` rows; buffers hold them rounded up to 64. */
  grid(rows: number): Grid;
  /** The same for at most `rows` rows, where there are faster ways to do it; the fewest first. */
  readonly few?: readonly (Step & { readonly rows: number })[];
}

/** Dispatches steps over `rows` rows, each in the way for so few. */
export function dispatchSteps(
  steps: readonly Step[],
  rows: number,
  dispatch: (op: Op, grid: Grid) => void,
): void {
  for (const step of steps) {
    const { op, grid } = step.few?.find((few) => rows <= few.rows) ?? step;
    dispatch(op, grid(rows));
  }
}

/** Some of a batch's rows, for steps over what is too wide to be bound for all of them. */
export interface RowBlock {
  /** Builds steps over these rows alone. */
  readonly build: StepBuilder;
  /** These rows of a buffer `[rows, width]`. */
  of(view: View, width: number): View;
}

/** Sizes of a product over rows; the rest is as in `GemmShape`. */
export interface ProductSize {
  readonly N: number;
  readonly K: number;
  readonly scale?: number;
  readonly a?: Columns;
  readonly c?: Columns;
  readonly dtype?: WeightType;
}

/** Elements of a weight from which on a product of few rows is worth kernels of its own. */
const FEW_ELEMENTS = 2 ** 18;
/** Rows that one subgroup normalises in turn. */
const NORM_ROWS = 8;
/** Rows that are summed by one workgroup before the second stage of a column sum. */
export const CHUNK = 64;

/** Builds steps for one model: the kernels with this model's literals filled in. */
export class StepBuilder {
  readonly #literals: KernelParameters;

  /**
   * @param rows How many rows the batch has.
   * @param options.few Whether there may be few.
   */
  constructor(
    readonly gpu: Gpu,
    readonly planner: GemmPlanner,
    readonly shape: TransformerShape,
    readonly rows: RowCount,
    readonly options: { readonly few?: boolean } = {},
  ) {
    this.#literals = {
      D: shape.hiddenSize,
      H: shape.heads,
      K: shape.kvHeads,
      HD: shape.headDim,
      F: shape.feedForward,
      QK_NORM: Number(shape.qkNorm),
      WINDOW: shape.slidingWindow ?? 0,
      EPSILON: literal(shape.normEpsilon),
      SCALE: literal(Math.fround(1 / Math.sqrt(shape.headDim))),
    };
  }

  /** The same model over another batch's rows. */
  over(rows: RowCount): StepBuilder {
    return new StepBuilder(this.gpu, this.planner, this.shape, rows);
  }

  /** Steps over the rows, block by block; each block's are built from the part of the rows that it is. */
  inBlocks(
    steps: (block: RowBlock, index: number) => readonly Step[],
  ): readonly Step[] {
    const { blocks } = this.rows;
    return blocks.flatMap((rows, index) => {
      const of = (view: View, width: number) =>
        slice(view, rows.first * width * 4, rows.capacity * width * 4);
      return steps({ build: this.over(rows), of }, index).map((step) => ({
        op: step.op,
        grid: (count: number) => step.grid(rows.within(count)),
      }));
    });
  }

  /** A step of any kernel; `extra` adds to the model's literals. */
  step(
    source: keyof typeof SOURCES,
    views: readonly View[],
    grid: (rows: number) => Grid,
    extra: KernelParameters = {},
  ): Step {
    const kernel = this.gpu.kernel(SOURCES[source], {
      ...this.#literals,
      ...extra,
    });
    return { op: this.gpu.op(kernel, views), grid };
  }

  /** C [rows, N] = A [rows, K] · B [K, N] (NN) or · B [N, K] transposed (NT). */
  product(
    mode: "NN" | "NT",
    size: ProductSize,
    views: Omit<GemmViews, "span">,
  ): Step {
    const all = { ...views, span: this.rows.whole };
    const step = (M: number) => {
      const shape = { mode, M, ...size };
      return gemm(this.gpu, shape, this.planner.plan(shape), all);
    };
    if (!this.options.few || size.N * size.K < FEW_ELEMENTS) return step(1024);
    const few = [1, FEW_ROWS].map((rows) => ({ ...step(rows), rows }));
    return { ...step(1024), few };
  }

  /** The gradient of a weight: C [M, N] += A [rows, M] transposed · B [rows, N]. */
  weightGradient(
    size: {
      readonly M: number;
      readonly N: number;
      readonly scale?: number;
      readonly a?: Columns;
    },
    views: Omit<GemmViews, "span">,
  ): readonly Step[] {
    const shape = { mode: "TN" as const, ...size, K: 512 };
    const plan = this.planner.plan(shape);
    return this.rows.stretches.map(({ first, span }) => {
      const { op, grid } = gemm(this.gpu, shape, plan, { ...views, span });
      return { op, grid: (count) => first < count ? grid(count) : [0] };
    });
  }

  /** Y = RMSNorm(X), and 1 / RMS of each row. */
  norm(X: View, gain: View, Y: View, rstd: View): Step {
    const grid = (rows: number): Grid => [Math.ceil(rows / NORM_ROWS)];
    return this.step("rmsNorm", [X, gain, Y, rstd], grid, { ROWS: NORM_ROWS });
  }

  /** dX += (or =) the gradient of RMSNorm. */
  normBackward(
    X: View,
    gain: View,
    rstd: View,
    dY: View,
    dX: View,
    accumulate: boolean,
  ): Step {
    const grid = (rows: number): Grid => [Math.ceil(rows / NORM_ROWS)];
    const extra = { ROWS: NORM_ROWS, ACCUMULATE: Number(accumulate) };
    return this.step("rmsNormBackward", [X, gain, rstd, dY, dX], grid, extra);
  }

  /** sums [N] += the column sums of dY [rows, N], times X · rstd where given (the gradient of a gain). */
  columnSums(
    N: number,
    dY: View,
    sums: View,
    partial: View,
    of?: { readonly X: View; readonly rstd: View },
  ): readonly Step[] {
    const columns = Math.ceil(N / 4 / this.gpu.lanes);
    const views = of
      ? [dY, partial, this.rows.whole, of.X, of.rstd]
      : [dY, partial, this.rows.whole];
    return [
      this.step(
        "columnSums",
        views,
        (rows) => [Math.ceil(rows / CHUNK), columns],
        {
          N,
          CHUNK,
          GAIN: Number(of !== undefined),
        },
      ),
      this.sumPartials({ N, pitch: N, offset: 0 }, partial, sums),
    ];
  }

  /** sums [N] += Σ over chunks of partial [chunks, pitch] from column `offset` on. */
  sumPartials(
    size: {
      readonly N: number;
      readonly pitch: number;
      readonly offset: number;
    },
    partial: View,
    sums: View,
  ): Step {
    const { N, pitch: PITCH, offset: OFFSET } = size;
    const grid = (): Grid => [Math.ceil(N / this.gpu.lanes)];
    return this.step("sumPartials", [partial, sums, this.rows.whole], grid, {
      N,
      PITCH,
      OFFSET,
      CHUNK,
    });
  }
}

/** A grid of `groups` workgroups, folded where it exceeds the 65,535 that a dimension may have. */
export function flat(groups: number): Grid {
  return groups <= 65535 ? [groups] : [65535, Math.ceil(groups / 65535)];
}
