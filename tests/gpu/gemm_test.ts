import {
  FEW_ROWS,
  gemm,
  type GemmMode,
  type GemmPlan,
  gemmPlans,
  type Gpu,
  ROW_ALIGNMENT,
} from "../../src/gpu/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "./_assert_close.ts";
import { hashed } from "./_hashed.ts";
import { testGpu } from "./_test_gpu.ts";

const native = await testGpu();
const plain = await testGpu({ subgroups: false });

/** No multiples of any tile; in TN, M columns of A must be fours, and in the others K. */
const SIZE = { M: 44, N: 100, K: 60 };
const MODES: readonly GemmMode[] = ["NN", "NT", "TN"];
const WORKGROUP: GemmPlan = { family: "workgroup", TM: 64, TN: 4 };

interface Case {
  readonly mode: GemmMode;
  readonly bias?: boolean;
  readonly residual?: boolean;
  /** Rows that a TN product sums over. @default [0, K] */
  readonly span?: readonly [number, number];
}

/** The numbers of a case. A's rows past M are not numbers: no result may depend on them. */
function numbers({ mode }: Case) {
  const { M, N, K } = SIZE;
  const rows = mode === "TN" ? K : ROW_ALIGNMENT;
  const width = mode === "TN" ? M : K;
  const A = new Float32Array(rows * width).fill(NaN);
  A.set(hashed("A", mode === "TN" ? K * M : M * K));
  return {
    A,
    B: hashed("B", K * N),
    C: hashed("C", M * N),
    R: hashed("R", M * N),
    bias: hashed("bias", N),
  };
}

/** op(A) · op(B), and what is added to it, in float64. */
function expected(testCase: Case): Float64Array {
  const { mode, bias = false, residual = false, span } = testCase;
  const { M, N, K } = SIZE;
  const data = numbers(testCase);
  const [first, last] = span ?? [0, K];
  const out = new Float64Array(M * N);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = mode === "TN" ? data.C[m * N + n]! : 0;
      for (let k = first; k < last; k++) {
        sum += (mode === "TN" ? data.A[k * M + m]! : data.A[m * K + k]!) *
          (mode === "NT" ? data.B[n * K + k]! : data.B[k * N + n]!);
      }
      if (residual) sum += data.R[m * N + n]!;
      if (bias) sum += data.bias[n]!;
      out[m * N + n] = sum;
    }
  }
  return out;
}

async function run(
  gpu: Gpu,
  plan: GemmPlan,
  testCase: Case,
): Promise<Float32Array> {
  const { mode, bias = false, residual = false, span } = testCase;
  const { M, N, K } = SIZE;
  const data = numbers(testCase);
  const C = gpu.buffer(ROW_ALIGNMENT * N * 4);
  gpu.write(C, data.C);
  const views = {
    A: gpu.upload(data.A),
    B: gpu.upload(data.B),
    C,
    span: gpu.upload(Uint32Array.of(...(span ?? [0, K]), 0, 0)),
    ...(residual && { residual: gpu.upload(padded(data.R)) }),
    ...(bias && { bias: gpu.upload(data.bias) }),
  };
  const { op, grid } = gemm(gpu, { mode, ...SIZE }, plan, views);
  gpu.submit((dispatch) => dispatch(op, grid(M)));
  const [bytes] = await gpu.read([{ view: C, bytes: M * N * 4 }]);
  for (const view of Object.values(views)) gpu.free(view);
  return new Float32Array(bytes!);
}

function padded(rows: Float32Array): Float32Array {
  const out = new Float32Array(ROW_ALIGNMENT * SIZE.N);
  out.set(rows);
  return out;
}

/** Every plan that some adapter would use here, on a device that can run it. */
function everyPlan(mode: GemmMode): readonly [Gpu, GemmPlan][] {
  const shape = { mode, ...SIZE };
  const few = mode === "TN" ? [] : [1, FEW_ROWS];
  return [
    ...few.map((M): [Gpu, GemmPlan] => {
      const [plan] = gemmPlans(native, { ...shape, M });
      assertEquals(plan!.TM, M);
      return [native, plan!];
    }),
    ...gemmPlans(native, shape).map((plan): [Gpu, GemmPlan] => [native, plan]),
    ...gemmPlans(plain, shape).map((plan): [Gpu, GemmPlan] => [plain, plan]),
    [native, WORKGROUP],
  ];
}

for (const mode of MODES) {
  Deno.test(`gemm() multiplies ${mode} at odd sizes, every plan to the same bits`, async () => {
    const plans = everyPlan(mode);
    const families = new Set(plans.map(([, { family }]) => family));
    assertTrue(families.size >= 2);
    const results = [];
    for (const [gpu, plan] of plans) {
      const result = await run(gpu, plan, { mode });
      assertClose(result, expected({ mode }), { name: JSON.stringify(plan) });
      results.push(result);
    }
    for (const result of results) assertEquals(result, results[0]);
  });
}

Deno.test("gemm() adds a residual and a bias in every family, to the same bits", async () => {
  const families: readonly [Gpu, GemmPlan][] = [
    [native, { family: "subgroup", TM: 16, TN: 4 }],
    [plain, { family: "register", TM: 16, TN: 4 }],
    [plain, WORKGROUP],
  ];
  for (
    const testCase of [
      { mode: "NT", bias: true },
      { mode: "NT", residual: true },
      { mode: "NT", bias: true, residual: true },
      { mode: "NN", residual: true },
    ] as const
  ) {
    const results = [];
    for (const [gpu, plan] of families) {
      const result = await run(gpu, plan, testCase);
      assertClose(result, expected(testCase), { name: plan.family });
      results.push(result);
    }
    for (const result of results) assertEquals(result, results[0]);
  }
});

Deno.test("gemm() in TN sums over the rows of its span alone, and an empty span adds nothing", async () => {
  for (
    const [gpu, plan] of [
      [native, { family: "subgroup", TM: 16, TN: 4 }],
      [plain, { family: "register", TM: 16, TN: 4 }],
      [plain, WORKGROUP],
    ] as const
  ) {
    for (const span of [[7, 29], [40, 60]] as const) {
      const testCase = { mode: "TN", span } as const;
      const result = await run(gpu, plan, testCase);
      assertClose(result, expected(testCase), { name: plan.family });
    }
    assertEquals(
      await run(gpu, plan, { mode: "TN", span: [60, 60] }),
      numbers({ mode: "TN" }).C,
    );
  }
});

Deno.test("gemm() gives a row the same bits whatever stands beside it", async () => {
  const plan: GemmPlan = { family: "subgroup", TM: 16, TN: 4 };
  const { M, N, K } = SIZE;
  const row = hashed("row", K);
  const results = [];
  for (const place of [0, 5, M - 1]) {
    const A = hashed(`beside ${place}`, ROW_ALIGNMENT * K);
    A.set(row, place * K);
    const views = {
      A: native.upload(A),
      B: native.upload(hashed("B", K * N)),
      C: native.buffer(ROW_ALIGNMENT * N * 4),
      span: native.upload(new Uint32Array(4)),
    };
    const { op, grid } = gemm(native, { mode: "NT", M, N, K }, plan, views);
    native.submit((dispatch) => dispatch(op, grid(M)));
    const [bytes] = await native.read([{ view: views.C }]);
    results.push(new Float32Array(bytes!).slice(place * N, (place + 1) * N));
    for (const view of Object.values(views)) native.free(view);
  }
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
});

Deno.test("gemmPlans() never leaves a shape without a plan, and needs no subgroups where there are none", () => {
  for (const mode of MODES) {
    for (const N of [4, 12, 64, 1000]) {
      for (const M of [4, 20, 2048]) {
        const shape = { mode, M, N, K: 64 };
        assertTrue(gemmPlans(native, shape).length > 0, JSON.stringify(shape));
        const families = gemmPlans(plain, shape).map(({ family }) => family);
        assertTrue(families.length > 0 && !families.includes("subgroup"));
      }
    }
  }
});
