import {
  FEW_ROWS,
  gemm,
  type GemmMode,
  type GemmPlan,
  gemmPlans,
  type GemmShape,
} from "./gemm.ts";
import type { Gpu } from "./gpu.ts";

/** Where the plans found on an adapter are kept between runs. */
export interface PlanStore {
  /** What was kept under `key`, if anything. */
  load(key: string): string | undefined;
  save(key: string, text: string): void;
}

/** Shape on which a mode's plans are timed: that of a middling layer and batch. */
const TRIAL = { M: 1024, N: 256, K: 256 };

/**
 * Knows the fastest way to multiply on this adapter: every plan worth trying is timed once on a middling shape,
 * and the winner of each mode is remembered under the adapter's name. All plans give the same bits, so
 * the choice never changes a result.
 */
export class GemmPlanner {
  private constructor(
    readonly gpu: Gpu,
    /** Winner first, for each mode. */
    readonly order: Readonly<Record<GemmMode, readonly GemmPlan[]>>,
  ) {}

  /** Takes the plans from `store`, or times them (a few seconds) and keeps them there. */
  static async open(gpu: Gpu, store?: PlanStore): Promise<GemmPlanner> {
    const key = `gemm-3 ${gpu.info.adapter} ${
      gpu.info.subgroups ? "subgroups" : "plain"
    }`;
    const kept = parsePlans(store?.load(key));
    if (kept) return new GemmPlanner(gpu, kept);
    const order: Record<GemmMode, readonly GemmPlan[]> = {
      NN: [],
      NT: [],
      TN: [],
    };
    for (const mode of ["NN", "NT", "TN"] as const) {
      order[mode] = await rank(gpu, mode);
    }
    store?.save(key, JSON.stringify(order));
    return new GemmPlanner(gpu, order);
  }

  /** Times nothing, and takes the best guess. */
  static guess(gpu: Gpu): GemmPlanner {
    return new GemmPlanner(gpu, { NN: [], NT: [], TN: [] });
  }

  /** The fastest plan that suits a shape. */
  plan(shape: GemmShape): GemmPlan {
    const suitable = gemmPlans(this.gpu, shape);
    // What was timed are products of many rows.
    if (shape.M <= FEW_ROWS && shape.mode !== "TN") return suitable[0]!;
    for (const plan of this.order[shape.mode]) {
      if (suitable.some((other) => samePlan(plan, other))) return plan;
    }
    return suitable[0]!;
  }
}

/** Plans of a mode, fastest first. */
async function rank(gpu: Gpu, mode: GemmMode): Promise<readonly GemmPlan[]> {
  const shape = { mode, ...TRIAL };
  const [A, B, C, span] = [
    gpu.buffer(4 * shape.M * shape.K),
    gpu.buffer(4 * shape.N * shape.K),
    gpu.buffer(4 * shape.M * shape.N),
    gpu.upload(Uint32Array.of(0, shape.K, 0, 0)),
  ];
  const timed: { plan: GemmPlan; ms: number }[] = [];
  for (const plan of gemmPlans(gpu, shape)) {
    const product = gemm(gpu, shape, plan, { A, B, C, span });
    const run = async (times: number) => {
      const start = performance.now();
      gpu.submit((dispatch) => {
        for (let i = 0; i < times; i++) {
          dispatch(product.op, product.grid(shape.M));
        }
      });
      await gpu.read([{ view: span, bytes: 4 }]);
      return performance.now() - start;
    };
    await run(1); // compiles
    // The fastest of several: whatever else the machine does only ever adds.
    const times: number[] = [];
    for (let i = 0; i < 4; i++) times.push(await run(3));
    timed.push({ plan, ms: Math.min(...times) });
  }
  for (const view of [A, B, C, span]) gpu.free(view);
  return timed.sort((a, b) => a.ms - b.ms).map(({ plan }) => plan);
}

function samePlan(a: GemmPlan, b: GemmPlan): boolean {
  return a.family === b.family && a.TM === b.TM && a.TN === b.TN;
}

function parsePlans(text?: string): Record<GemmMode, GemmPlan[]> | undefined {
  if (text === undefined) return undefined;
  try {
    const value = JSON.parse(text);
    const whole = ["NN", "NT", "TN"].every((mode) =>
      Array.isArray(value[mode]) &&
      value[mode].every((plan: unknown) => plan instanceof Object)
    );
    return whole ? value : undefined;
  } catch {
    return undefined; // a damaged cache is timed anew
  }
}
