import registerSource from "../../kernels/gemm_register.wgsl" with {
  type: "text",
};
import subgroupSource from "../../kernels/gemm_subgroup.wgsl" with {
  type: "text",
};
import workgroupSource from "../../kernels/gemm_workgroup.wgsl" with {
  type: "text",
};
import {
  type Gpu,
  type Grid,
  type Kernel,
  type Op,
  slice,
  type View,
} from "./gpu.ts";

/** Which operand stands transposed in memory: neither, the second, the first. */
export type GemmMode = "NN" | "NT" | "TN";

/** A matrix product C = op(A) · op(B), float32. */
export interface GemmShape {
  readonly mode: GemmMode;
  /** Rows of C; for NN and NT the most there will be (the grid takes fewer). */
  readonly M: number;
  /** Columns of C; a multiple of 4. */
  readonly N: number;
  /** Length of the sums; a multiple of 4 in NN and NT. For TN the most there will be. */
  readonly K: number;
  /** Multiplies the product. @default 1 */
  readonly scale?: number;
  /** Where A stands within wider rows. @default its own rows */
  readonly a?: Columns;
  /** Where C and the residual stand within wider rows. @default their own rows */
  readonly c?: Columns;
  /** Element type of B; arithmetic is float32 all the same. @default "f32" */
  readonly dtype?: WeightType;
}

/** Columns within wider rows; both multiples of 4. */
export interface Columns {
  readonly stride: number;
  readonly first: number;
}

/** How frozen weights rest in memory. */
export type WeightType = "f32" | "f16" | "bf16";

/** Buffers of a matrix product; C and A must hold M rounded up to {@linkcode ROW_ALIGNMENT} rows. */
export interface GemmViews {
  readonly A: View;
  readonly B: View;
  readonly C: View;
  /** Four u32; a TN product sums over the rows from the first (included) to the second (not). */
  readonly span: View;
  /** Added to the result, `[M, N]`; may not be C. */
  readonly residual?: View;
  /** Added to each row of the result, `[N]`. */
  readonly bias?: View;
}

/** One way to carry out a product. */
export interface GemmPlan {
  readonly family: "subgroup" | "workgroup" | "register";
  /** Rows of a tile. */
  readonly TM: number;
  /** Columns of a tile that one lane holds. */
  readonly TN: number;
}

/** A product ready to run. */
export interface Gemm {
  readonly op: Op;
  /** Grid for `rows` rows of C (NN, NT); TN ignores it. */
  grid(rows: number): Grid;
}

/** Tokens are padded to this many rows, the tallest tile there is. */
export const ROW_ALIGNMENT = 64;

const HALVES: Readonly<Record<WeightType, number>> = {
  f32: 0,
  f16: 1,
  bf16: 2,
};

const MODES: Readonly<Record<GemmMode, number>> = { NN: 0, NT: 1, TN: 2 };

/** Builds a product after `plan`. */
export function gemm(
  gpu: Gpu,
  shape: GemmShape,
  plan: GemmPlan,
  views: GemmViews,
): Gemm {
  const { M, N, c } = shape;
  // Columns that begin where a binding may are bound from there on, so that they share their kernel with the others.
  const shift = c && c.first % 64 === 0 ? c.first : 0;
  const shifted = (view: View) => slice(view, shift * 4, view.size - shift * 4);
  const kernel = gemmKernel(
    gpu,
    c ? { ...shape, c: { ...c, first: c.first - shift } } : shape,
    plan,
    {
      residual: views.residual !== undefined,
      bias: views.bias !== undefined,
    },
  );
  const bindings = [views.A, views.B, shifted(views.C), views.span];
  if (views.residual) bindings.push(shifted(views.residual));
  if (views.bias) bindings.push(views.bias);
  const [height, width] = plan.family === "workgroup"
    ? [64, 64]
    : [plan.TM, plan.TN * gpu.lanes];
  const x = Math.ceil(N / width);
  return {
    op: gpu.op(kernel, bindings),
    grid: (rows) => [x, Math.ceil((shape.mode === "TN" ? M : rows) / height)],
  };
}

function gemmKernel(
  gpu: Gpu,
  shape: GemmShape,
  { family, TM, TN }: GemmPlan,
  epilogue: { readonly residual: boolean; readonly bias: boolean },
): Kernel {
  const { mode, M, N, K, scale = 1, dtype = "f32" } = shape;
  const a = shape.a ?? { stride: mode === "TN" ? M : K, first: 0 };
  const c = shape.c ?? { stride: N, first: 0 };
  const source = {
    subgroup: subgroupSource,
    workgroup: workgroupSource,
    register: registerSource,
  };
  return gpu.kernel(source[family], {
    MODE: MODES[mode],
    // Only the literals that a mode uses, so that products of other sizes share the kernel.
    ...(mode === "TN" ? { M } : { K }),
    N,
    TM,
    TN,
    RESIDUAL: Number(epilogue.residual),
    BIAS: Number(epilogue.bias),
    SCALED: Number(scale !== 1),
    ALPHA: literal(scale),
    HALF: HALVES[dtype],
    GUARD_ROWS: mode === "TN" ? M % TM : 0,
    LDA: a.stride,
    A0: a.first,
    LDC: c.stride,
    C0: c.first,
  });
}

/** Rows and columns a lane of the subgroup kernel's tiles, best guess first. */
const SOFTWARE_TILES: Readonly<
  Record<GemmMode, readonly (readonly [number, number])[]>
> = {
  NN: [[32, 8], [32, 4], [16, 4]],
  NT: [[32, 4], [32, 8], [16, 4]],
  TN: [[32, 8], [32, 4], [16, 4]],
};
const GPU_TILES = [[16, 4], [8, 8], [8, 4]] as const;

/** A product of at most so many rows has a tile of its own: of one row, or of these. */
export const FEW_ROWS = 8;

/** A number as a WGSL literal. */
export function literal(value: number): string {
  const text = String(Math.fround(value));
  return /[.e]/.test(text) ? text : `${text}.0`;
}

/** The plans worth trying for a shape, best guess first. */
export function gemmPlans(
  gpu: Gpu,
  { mode, M, N }: GemmShape,
): readonly GemmPlan[] {
  const S = gpu.lanes;
  const plans: GemmPlan[] = [];
  // On a CPU a tall tile feeds many fma with one load; a GPU's registers hold fewer accumulators. Wider tiles than
  // these were measured to win little and to compile for seconds.
  const tiles = gpu.info.software ? SOFTWARE_TILES[mode] : GPU_TILES;
  if (gpu.info.subgroups) {
    for (const [TM, TN] of tiles) {
      const padding = Math.ceil(N / (S * TN)) * S * TN / N;
      if ((padding < 2 || TN === 4) && (mode !== "TN" || TM < 2 * M)) {
        plans.push({ family: "subgroup", TM, TN });
      }
    }
  }
  if (!gpu.info.software) plans.unshift({ family: "workgroup", TM: 64, TN: 4 });
  if (!gpu.info.subgroups || plans.length === 0) {
    plans.push({ family: "register", TM: 16, TN: 4 }, {
      family: "register",
      TM: 32,
      TN: 4,
    });
  }
  if (M <= FEW_ROWS && mode !== "TN" && gpu.info.subgroups) {
    const TM = M === 1 ? 1 : FEW_ROWS;
    plans.unshift({ family: "subgroup", TM, TN: 4 });
  }
  return plans;
}
