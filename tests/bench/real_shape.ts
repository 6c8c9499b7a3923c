/**
 * A model of Qwen2.5-0.5B's exact shape, with random bfloat16 weights: loading, scoring 256 tokens, decoding 16, and one
 * LoRA step on 1,024 tokens; seconds and GFLOP/s, beside what this machine's best matrix product would take for the same
 * operations. Makes the model in `--folder` (1 GB) unless it is there.
 *
 *     deno run -A tests/bench/real_shape.ts [--folder DIR] [--recompute] [--json]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openWebGpu } from "../../src/engine/mod.ts";
import { gemm, GemmPlanner, Gpu, planFile } from "../../src/gpu/mod.ts";
import {
  ADAPTER_TARGETS,
  initAdapter,
  loadModelWeights,
  type ModelConfig,
  modelTensors,
  parameterShapes,
} from "../../src/model/mod.ts";
import { type Row, short, table, time } from "./_report.ts";
import { QWEN25_HALF_BILLION, writeRandomModel } from "./_real_model.ts";
import { STEP } from "./_small_model.ts";

const [SCORED, DECODED, TRAINED, RANK] = [256, 16, 1024, 16];

const { values: flags } = parseArgs({
  options: {
    folder: { type: "string" },
    recompute: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const folder = flags.folder ?? await Deno.makeTempDir();
await writeRandomModel(folder, QWEN25_HALF_BILLION);

const rate = await bestRate();
const rows: Row[] = [];

const { config, tensors } = await loadModelWeights(folder);
const lora = { rank: RANK, alpha: 32, rslora: false, targets: ADAPTER_TARGETS };
const adapter = initAdapter(config, lora, 1);
const began = performance.now();
const weights = [];
for (const { name, shape, read } of modelTensors({ config, tensors })) {
  weights.push({ name, shape, data: await read() });
}
note("read the weights", performance.now() - began, 0);
const opening = performance.now();
await using gpu = await openWebGpu({
  shape: config,
  weights,
  name: "random",
  dtype: "bf16",
  adapter: {
    lora: { rank: RANK, scale: 2, targets: ADAPTER_TARGETS },
    weights: adapter,
  },
  maxNodes: TRAINED,
  recompute: flags.recompute,
  maxBatch: 1,
  maxContext: 512,
  cacheTokens: 512,
});
note("put them on the GPU", performance.now() - opening, 0);
const { policy, engine } = gpu;

const [layers, head] = operations(config);
const tokens = (count: number) =>
  Array.from({ length: count }, (_, i) => (i * 7919) % config.vocabSize);

for (const turn of ["first", "again"]) {
  const ms = await time(() => engine.score([tokens(SCORED)]));
  note(`score ${SCORED} tokens, ${turn}`, ms, SCORED * (layers + head));
}
for (const turn of ["first", "again"]) {
  const sampling = {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 1,
    maxTokens: DECODED,
    stopTokens: [],
  };
  const ms = await time(() => engine.generate({ tokens: tokens(2), sampling }));
  note(`decode ${DECODED} tokens, ${turn}`, ms, DECODED * (layers + head));
}
const nodes = Uint32Array.from(tokens(TRAINED));
const targets = Uint32Array.from({ length: TRAINED - 1 }, (_, i) => i + 1);
for (const turn of ["first", "again"]) {
  const ms = await time(async () => {
    await policy.forward({
      tokens: nodes,
      positions: nodes.map((_, i) => i),
      parents: Int32Array.from(nodes, (_, i) => i - 1),
      visibleUntil: nodes.map(() => TRAINED),
      targets,
      temperature: new Float32Array(targets.length).fill(1),
    });
    const derivative = new Float32Array(targets.length);
    await policy.backward({
      logprob: derivative.map(() => -1 / targets.length),
      entropy: derivative,
    });
    await policy.step(STEP);
  });
  // Forward once and, since the weights are frozen, one product backward for each forward.
  note(
    `LoRA step on ${TRAINED} tokens, ${turn}`,
    ms,
    TRAINED * 2 * (layers + head),
  );
}
console.log(
  flags.json
    ? JSON.stringify({ bench: "real_shape", rate, rows })
    : table("real_shape", rows),
);

function note(what: string, ms: number, flop: number): void {
  const row = {
    what,
    seconds: short(ms / 1000),
    "GFLOP": short(flop / 1e9),
    "GFLOP/s": short(flop / ms / 1e6),
    "floor, seconds": short(flop / rate / 1e9),
    "peak RSS, GiB": short(peakMemory() / 2 ** 30),
  };
  console.error(JSON.stringify(row));
  rows.push(row);
}

/** Multiplications and additions a token takes in the layers' matrices and in the head. */
function operations(shape: ModelConfig): readonly [number, number] {
  let layers = 0;
  for (const [name, sizes] of parameterShapes(shape)) {
    if (name.includes("layers") && sizes.length === 2) {
      layers += 2 * sizes[0]! * sizes[1]!;
    }
  }
  return [layers, 2 * shape.vocabSize * shape.hiddenSize];
}

/** GFLOP/s of the widest product of the model, 1,024 rows. */
async function bestRate(): Promise<number> {
  using gpu = await Gpu.open();
  const planner = await GemmPlanner.open(gpu, planFile());
  const shape = { mode: "NT", M: 1024, N: 9728, K: 896 } as const;
  const views = {
    A: gpu.buffer(shape.M * shape.K * 4),
    B: gpu.buffer(shape.N * shape.K * 4),
    C: gpu.buffer(shape.M * shape.N * 4),
    span: gpu.upload(Uint32Array.of(shape.M, 0, 0, 0)),
  };
  const { op, grid } = gemm(gpu, shape, planner.plan(shape), views);
  let best = Infinity;
  for (let turn = 0; turn < 4; turn++) {
    const ms = await time(async () => {
      gpu.submit((dispatch) => dispatch(op, grid(shape.M)));
      await gpu.read([{ view: views.span }]);
    });
    best = Math.min(best, ms);
  }
  return 2 * shape.M * shape.N * shape.K / best / 1e6;
}

/** Most bytes of memory that this process has held. */
function peakMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)![1]) * 1024;
}
