/**
 * GFLOP/s of every plan for matrix products at shapes that occur, and the ratio to a plain subgroup kernel.
 *
 *     deno run -A tests/bench/gemm.ts [--rounds N] [--json]
 *
 * @module
 */
import {
  gemm,
  type GemmPlan,
  GemmPlanner,
  gemmPlans,
  type GemmShape,
  Gpu,
  type Grid,
  type Op,
  planFile,
} from "../../src/gpu/mod.ts";
import {
  type BenchOptions,
  median,
  type Row,
  runBench,
  short,
  time,
} from "./_report.ts";

/** A product of training, its transpose, the gradient of its weight, one of decoding. */
const SHAPES: readonly GemmShape[] = [
  { mode: "NN", M: 2048, N: 512, K: 128 },
  { mode: "NT", M: 2048, N: 512, K: 128 },
  { mode: "TN", M: 128, N: 512, K: 512 },
  { mode: "NT", M: 2048, N: 128, K: 512 },
  { mode: "NT", M: 128, N: 512, K: 128 },
];
/** Timed on the first shape only: they take seconds to compile, and no software adapter uses them. */
const OTHERS: readonly GemmPlan[] = [
  { family: "register", TM: 32, TN: 4 },
  { family: "workgroup", TM: 64, TN: 4 },
];

/**
 * The idea at its plainest, for products whose sizes divide by the tile: 32 rows by 8 columns a lane, rows of A
 * broadcast, neither guards nor epilogue.
 */
const PLAIN = `
@group(0) @binding(0) var<storage, read> left: array<vec4f>;
@group(0) @binding(1) var<storage, read> right: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> product: array<vec4f>;

@compute @workgroup_size($S)
fn main(@builtin(local_invocation_id) local: vec3u, @builtin(workgroup_id) tile: vec3u) {
  let row = tile.y * 32u;
  let column = tile.x * $(2 * S)u + local.x;
//! for i in 0..32
  var low$i = vec4f();
  var high$i = vec4f();
//! end
  for (var k = 0u; k < $(K / 4)u; k++) {
//! for g in 0..32 / S
    let left$g = left[(row + $(g * S)u + local.x) * $(K / 4)u + k];
//! end
//! for q in 0..4
    let low_right$q = right[(4u * k + $(q)u) * $(N / 4)u + column];
    let high_right$q = right[(4u * k + $(q)u) * $(N / 4)u + column + $(S)u];
//! end
//! for i in 0..32
//! for q in 0..4
    {
      let x = vec4f(sgBroadcast_f32(left$(i / S)[$q], $(i % S)u));
      low$i = fma(x, low_right$q, low$i);
      high$i = fma(x, high_right$q, high$i);
    }
//! end
//! end
  }
//! for i in 0..32
  product[(row + $(i)u) * $(N / 4)u + column] = low$i;
  product[(row + $(i)u) * $(N / 4)u + column + $(S)u] = high$i;
//! end
}`;

/** Something to dispatch, and what it computes. */
interface Work {
  readonly op: Op;
  readonly grid: Grid;
  readonly flops: number;
}

function buffers(gpu: Gpu, { M, N, K }: GemmShape) {
  const words = (count: number) => gpu.buffer(4 * count);
  const span = gpu.upload(Uint32Array.of(0, K, 0, 0));
  return { A: words(M * K), B: words(K * N), C: words(M * N), span };
}

function planned(gpu: Gpu, shape: GemmShape, plan: GemmPlan): Work {
  const { op, grid } = gemm(gpu, shape, plan, buffers(gpu, shape));
  const { M, N, K } = shape;
  return { op, grid: grid(M), flops: 2 * M * N * K };
}

function plain(gpu: Gpu, shape: GemmShape): Work {
  const { M, N, K } = shape;
  const { A, B, C } = buffers(gpu, shape);
  const op = gpu.op(gpu.kernel(PLAIN, { N, K }), [A, B, C]);
  const grid: Grid = [N / (8 * gpu.lanes), M / 32];
  return { op, grid, flops: 2 * M * N * K };
}

/** Median GFLOP/s of several works, timed in turn; the wait for the GPU itself is taken off. */
async function rates(
  gpu: Gpu,
  works: readonly Work[],
  rounds: number,
): Promise<number[]> {
  const token = gpu.buffer(4);
  const run = ({ op, grid }: Work, times: number) =>
    time(async () => {
      gpu.submit((dispatch) => {
        for (let i = 0; i < times; i++) dispatch(op, grid);
      });
      await gpu.read([{ view: token, bytes: 4 }]);
    });
  const waits: number[] = [];
  for (let i = 0; i < 5; i++) waits.push(await run(works[0]!, 0));
  const wait = median(waits);
  const times: number[] = [];
  for (const work of works) {
    await run(work, 1); // compiles
    const once = Math.max(0.1, await run(work, 4) - wait) / 4;
    times.push(Math.max(4, Math.min(400, Math.ceil(60 / once))));
  }
  const spent: number[][] = works.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, work] of works.entries()) {
      spent[i]!.push((await run(work, times[i]!) - wait) / times[i]!);
    }
  }
  return works.map(({ flops }, i) => flops / median(spent[i]!) / 1e6);
}

async function bench({ rounds }: BenchOptions): Promise<readonly Row[]> {
  using gpu = await Gpu.open();
  const planner = await GemmPlanner.open(gpu, planFile());
  const rows: Row[] = [];
  for (const [i, shape] of SHAPES.entries()) {
    const plans = [...gemmPlans(gpu, shape), ...(i === 0 ? OTHERS : [])];
    const comparable = i === 0 && gpu.info.subgroups;
    const works = [
      ...plans.map((plan) => planned(gpu, shape, plan)),
      ...(comparable ? [plain(gpu, shape)] : []),
    ];
    const found = await rates(gpu, works, rounds);
    const chosen = planner.plan(shape);
    const name = `${shape.mode} ${shape.M}x${shape.N}x${shape.K}`;
    const base = comparable ? found.at(-1)! : NaN;
    plans.forEach(({ family, TM, TN }, p) => {
      const mine = family === chosen.family && TM === chosen.TM &&
        TN === chosen.TN;
      rows.push({
        product: name,
        plan: `${family} ${TM}x${TN}${mine ? " (chosen)" : ""}`,
        "GF/s": short(found[p]!),
        "of plain": comparable ? short(found[p]! / base) : "",
      });
    });
    if (comparable) {
      rows.push({
        product: name,
        plan: "plain subgroup 32x8",
        "GF/s": short(base),
        "of plain": 1,
      });
    }
  }
  return rows;
}

await runBench("gemm", 7, bench);
