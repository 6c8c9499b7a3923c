/**
 * A model of Qwen2.5-0.5B's exact shape, with random bfloat16 weights: loading, scoring 256 tokens, decoding 16, and a
 * LoRA step on 1,024 tokens, each a first time, when shaders are compiled, and again. Beside the seconds stand GFLOP/s,
 * their share of the machine's best matrix product, and with `--python` what PyTorch takes for the same work on the CPU
 * (`real_shape.py`, which needs torch and transformers; it runs after ours). Makes the model in `--folder` (1 GB) unless it
 * is there; fewer `--layers` make a smaller one.
 *
 *     deno run -A tests/bench/real_shape.ts [--folder DIR] [--layers N] [--only load,score,decode,train]
 *       [--python VENV/bin/python] [--recompute] [--json]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openWebGpu, type WebGpu } from "../../src/engine/mod.ts";
import { gemm, GemmPlanner, Gpu, planFile } from "../../src/gpu/mod.ts";
import {
  ADAPTER_TARGETS,
  initAdapter,
  loadModelWeights,
  type ModelConfig,
  parameterShapes,
} from "../../src/model/mod.ts";
import { short, table, time } from "./_report.ts";
import { QWEN25_HALF_BILLION, writeRandomModel } from "./_real_model.ts";
import { STEP } from "./_small_model.ts";

const [SCORED, DECODED, TRAINED, RANK] = [256, 16, 1024, 16];
const TURNS = ["first", "again"] as const;

const { values: flags } = parseArgs({
  options: {
    folder: { type: "string" },
    layers: { type: "string", default: "24" },
    only: { type: "string", default: "load,score,decode,train" },
    python: { type: "string" },
    recompute: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const parts = new Set(flags.only.split(","));

/** One thing that was timed. */
interface Timed {
  readonly what: string;
  readonly ms: number;
  readonly flop: number;
  /** Most bytes of memory that this process held meanwhile. */
  readonly peak: number;
}

const folder = flags.folder ?? await Deno.makeTempDir();
await writeRandomModel(folder, {
  ...QWEN25_HALF_BILLION,
  num_hidden_layers: Number(flags.layers),
});
const rate = await bestRate();
const found: Timed[] = [];
const { config, tensors } = await loadModelWeights(folder);
const [layers, head] = operations(config);

{
  await using gpu = await timed("load", 0, () => open(config));
  for (const turn of parts.has("score") ? TURNS : []) {
    await timed(
      `score ${SCORED} tokens, ${turn}`,
      SCORED * (layers + head),
      () => gpu.engine.score([tokens(SCORED)]),
    );
  }
  for (const turn of parts.has("decode") ? TURNS : []) {
    await timed(
      `decode ${DECODED} tokens, ${turn}`,
      DECODED * (layers + head),
      () => decode(gpu),
    );
  }
  for (const turn of parts.has("train") ? TURNS : []) {
    // Forward once and, since the weights are frozen, one product backward for each forward.
    await timed(
      `LoRA step on ${TRAINED} tokens, ${turn}`,
      TRAINED * 2 * (layers + head),
      () => train(gpu),
    );
  }
}
const others = flags.python ? await torchSeconds(flags.python) : new Map();
const rows = found.map(({ what, ms, flop, peak }) => {
  const other = others.get(what);
  return {
    what,
    "seconds": short(ms / 1000),
    "GFLOP/s": flop ? short(flop / ms / 1e6) : "",
    "share of the floor": flop ? short(flop / ms / 1e6 / rate) : "",
    "peak RSS, GiB": short(peak / 2 ** 30),
    ...(flags.python && {
      "PyTorch, seconds": other ?? "",
      "ratio": other ? short(ms / 1000 / other) : "",
    }),
  };
});
const title = `real_shape (the floor is ${short(rate)} GFLOP/s)`;
console.log(
  flags.json
    ? JSON.stringify({ bench: "real_shape", rate, rows })
    : table(title, rows),
);

/** Runs `work`, and notes what it took. */
async function timed<T>(
  what: string,
  flop: number,
  work: () => Promise<T>,
): Promise<T> {
  forgetPeak();
  const began = performance.now();
  const result = await work();
  const ms = performance.now() - began;
  const peak = peakMemory();
  found.push({ what, ms, flop, peak });
  console.error(
    `${what}: ${short(ms / 1000)} s, peak ${short(peak / 2 ** 30)} GiB`,
  );
  return result;
}

function open(shape: ModelConfig): Promise<WebGpu> {
  const lora = {
    rank: RANK,
    alpha: 32,
    rslora: false,
    targets: ADAPTER_TARGETS,
  };
  return openWebGpu({
    shape,
    weights: [...parameterShapes(shape).keys()].map((name) =>
      tensors.tensors.get(name)!
    ),
    name: "random",
    dtype: "bf16",
    adapter: {
      lora: { rank: RANK, scale: 2, targets: ADAPTER_TARGETS },
      weights: initAdapter(shape, lora, 1),
    },
    trained: parts.has("train"),
    maxNodes: TRAINED,
    recompute: flags.recompute,
    maxBatch: 1,
    maxContext: 512,
    cacheTokens: 512,
  });
}

function tokens(count: number): number[] {
  return Array.from(
    { length: count },
    (_, i) => (i * 7919) % config.vocabSize,
  );
}

async function decode({ engine }: WebGpu): Promise<void> {
  const sampling = {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: 1,
    maxTokens: DECODED,
    stopTokens: [],
  };
  await engine.generate({ tokens: tokens(2), sampling });
}

async function train({ policy }: WebGpu): Promise<void> {
  const nodes = Uint32Array.from(tokens(TRAINED));
  const targets = Uint32Array.from({ length: TRAINED - 1 }, (_, i) => i + 1);
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

/** Seconds that PyTorch takes for each thing, under our names. */
async function torchSeconds(
  python: string,
): Promise<ReadonlyMap<string, number>> {
  const script = new URL("./real_shape.py", import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(python, {
    args: [script, folder, flags.only],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${python} ${script} failed`);
  const lines = new TextDecoder().decode(stdout).trim().split("\n");
  return new Map(lines.map((line) => {
    const { what, seconds } = JSON.parse(line);
    return [what, seconds];
  }));
}

/** Most bytes of memory that this process has held since `forgetPeak`. */
function peakMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)![1]) * 1024;
}

function forgetPeak(): void {
  Deno.writeTextFileSync("/proc/self/clear_refs", "5");
}
