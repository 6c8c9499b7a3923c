import {
  gemm,
  type GemmPlan,
  type GemmShape,
  type Gpu,
  ROW_ALIGNMENT,
} from "../../src/gpu/mod.ts";
import { pack, unpack } from "../../src/nn/half.ts";
import { assertEquals } from "../assert.ts";
import { assertClose } from "./_assert_close.ts";
import { hashed } from "./_hashed.ts";
import { testGpu } from "./_test_gpu.ts";

const native = await testGpu();
const plain = await testGpu({ subgroups: false });

const FAMILIES: readonly [Gpu, GemmPlan][] = [
  [native, { family: "subgroup", TM: 16, TN: 4 }],
  [plain, { family: "register", TM: 16, TN: 4 }],
  [plain, { family: "workgroup", TM: 64, TN: 4 }],
];

/** Products over windows of A and C, scaled, with B in all its types. */
const SHAPES: readonly GemmShape[] = [
  {
    mode: "NT",
    M: 21,
    N: 36,
    K: 20,
    scale: 0.5,
    a: { stride: 32, first: 8 },
    c: { stride: 48, first: 4 },
    dtype: "f16",
  },
  {
    mode: "NT",
    M: 21,
    N: 36,
    K: 20,
    a: { stride: 32, first: 8 },
    // Where a binding may begin.
    c: { stride: 128, first: 64 },
    dtype: "bf16",
  },
  {
    mode: "NN",
    M: 21,
    N: 36,
    K: 20,
    scale: -1.25,
    a: { stride: 24, first: 4 },
    c: { stride: 44, first: 8 },
    dtype: "bf16",
  },
  {
    mode: "TN",
    M: 20,
    N: 36,
    K: 21,
    scale: 3,
    a: { stride: 28, first: 8 },
  },
];

/** A, B, C and R of a shape; the residual only where the product may have one. */
function numbers({ mode, N, K, a, c, dtype = "f32" }: GemmShape) {
  const rows = mode === "TN" ? K : ROW_ALIGNMENT;
  return {
    A: hashed("A", rows * a!.stride),
    B: pack(hashed("B", N * K), dtype),
    C: hashed("C", ROW_ALIGNMENT * (c?.stride ?? N)),
    R: hashed("R", ROW_ALIGNMENT * (c?.stride ?? N)),
  };
}

/** C after the product, in float64. */
function expected(shape: GemmShape): Float64Array {
  const { mode, M, N, K, scale = 1, a, c, dtype = "f32" } = shape;
  const { A, B, C, R } = numbers(shape);
  const weights = unpack(B.buffer as ArrayBuffer, dtype);
  const out = Float64Array.from(C);
  for (let m = 0; m < M; m++) {
    for (let n = 0; n < N; n++) {
      let sum = 0;
      for (let k = 0; k < K; k++) {
        const [row, column] = mode === "TN" ? [k, m] : [m, k];
        sum += A[row * a!.stride + a!.first + column]! *
          weights[mode === "NT" ? n * K + k : k * N + n]!;
      }
      const at = m * (c?.stride ?? N) + (c?.first ?? 0) + n;
      out[at] = scale * sum + (mode === "TN" ? C[at]! : R[at]!);
    }
  }
  return out;
}

async function run(
  gpu: Gpu,
  plan: GemmPlan,
  shape: GemmShape,
): Promise<Float32Array> {
  const { mode, M, N, K, c } = shape;
  const { A, B, C, R } = numbers(shape);
  const views = {
    A: gpu.upload(A),
    B: gpu.upload(B),
    C: gpu.upload(C),
    span: gpu.upload(Uint32Array.of(0, K, 0, 0)),
    ...(mode !== "TN" && { residual: gpu.upload(R) }),
  };
  const { op, grid } = gemm(gpu, shape, plan, views);
  gpu.submit((dispatch) => dispatch(op, grid(M)));
  const bytes = M * (c?.stride ?? N) * 4;
  const [result] = await gpu.read([{ view: views.C, bytes }]);
  for (const view of Object.values(views)) gpu.free(view);
  return new Float32Array(result!);
}

for (const shape of SHAPES) {
  const type = shape.dtype ?? "f32";
  Deno.test(`gemm() multiplies windows of wider rows, scaled, with weights in ${type} (${shape.mode})`, async () => {
    const results = [];
    for (const [gpu, plan] of FAMILIES) {
      const result = await run(gpu, plan, shape);
      // Columns outside the window too: they must be as they were.
      const whole = expected(shape).subarray(0, result.length);
      assertClose(result, whole, { name: plan.family });
      results.push(result);
    }
    for (const result of results) assertEquals(result, results[0]);
  });
}
