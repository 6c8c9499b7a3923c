/**
 * What it costs to put another adapter in force, for decoding and for training: copies on the GPU, by rank, over the
 * shape of Qwen2.5-0.5B.
 *
 *     deno run -A tests/bench/adapters.ts [--rounds N] [--json]
 *
 * @module
 */
import { adapterLayout, LORA_TARGETS } from "../../src/nn/layout.ts";
import { ParameterSets } from "../../src/nn/parameter_sets.ts";
import { Parameters } from "../../src/nn/parameters.ts";
import {
  type BenchOptions,
  median,
  type Row,
  runBench,
  short,
  time,
} from "./_report.ts";
import { SHAPE, withPlanner } from "./_small_model.ts";

const QWEN = {
  ...SHAPE,
  layers: 24,
  hiddenSize: 896,
  heads: 14,
  kvHeads: 2,
  headDim: 64,
  feedForward: 4864,
};

/** Copies between two looks at the clock: waiting for the GPU takes 10 ms by itself. */
const TURNS = 20;

function bench({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return withPlanner(async ({ gpu }) => {
    const rows: Row[] = [];
    for (const rank of [4, 16]) {
      const lora = { rank, scale: 2, targets: LORA_TARGETS };
      const parameters = new Parameters(gpu, adapterLayout(QWEN, lora), {
        trained: true,
      });
      const sets = new ParameterSets(parameters);
      sets.add("other", () => {});
      const { weights } = parameters.arenas[0]!;
      const alternate = async (bind: (name: string) => void) => {
        for (let turn = 0; turn < TURNS; turn++) {
          bind(turn % 2 === 0 ? "default" : "other");
        }
        await gpu.read([{ view: weights, bytes: 4 }]);
      };
      const measure = async (bind: (name: string) => void) => {
        const spent: number[] = [];
        for (let round = 0; round < rounds; round++) {
          spent.push(await time(() => alternate(bind)) / TURNS);
        }
        return median(spent);
      };
      const bytes = parameters.arenas.reduce(
        (sum, { weights }) => sum + weights.size,
        0,
      );
      rows.push({
        rank,
        MiB: short(bytes / 2 ** 20),
        "ms to decode": short(await measure((name) => sets.bind(name))),
        "ms to train": short(
          await measure((name) => {
            sets.bind(name);
            sets.bindMoments(name);
          }),
        ),
      });
    }
    return rows;
  });
}

await runBench("adapters", 7, bench);
