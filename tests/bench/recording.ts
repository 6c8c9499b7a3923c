/**
 * What recording costs a training step: a batch of 256 episodes of 512 tokens, and the quickstart, in
 * pairs of runs. A run records three steps, and then three not, and so on; where the one of a pair
 * records, the other does not.
 *
 *     deno run -A tests/bench/recording.ts [PAIRS] [STEPS]
 *
 * @module
 */
import process from "node:process";
import { quickstartConfig } from "../../src/cli/quickstart.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { train } from "../../src/launcher/mod.ts";
import type { StepRecord } from "../../src/monitor/mod.ts";
import { RecordWriter } from "../../src/monitor/records/mod.ts";
import {
  generateGroups,
  generateRecord,
  tokenText,
} from "../monitor/_generated_run.ts";
import { median, type Row, table } from "./_report.ts";

const PAIRS = Number(Deno.args[0] ?? 1);
const STEPS = Number(Deno.args[1] ?? 180);

/** Steps that are recorded, or not, in a row. */
const BLOCK = 3;

/** A step of the quickstart. */
interface Step {
  readonly recorded: boolean;
  /** Number of the block it belongs to, from 0. */
  readonly block: number;
  /** Whether the one before was as this one: what was written is put on the disk in the step after. */
  readonly settled: boolean;
  /** Since the step before was told of: its own stages, and its row. */
  readonly milliseconds: number;
  /** What all threads of the process computed meanwhile. */
  readonly cpu: number;
  /** Of those, the time after its stages: its row, and turning to the next step. */
  readonly row: number;
  readonly seconds: StepRecord["seconds"];
}

await benchBatch();
await benchQuickstart();

async function benchQuickstart(): Promise<void> {
  const runs: Step[][] = [];
  for (let run = 0; run < 2 * PAIRS; run++) {
    runs.push(await runQuickstart(run % 2));
  }
  const steps = runs.flat().filter(({ settled }) => settled);
  const recorded = steps.filter(({ recorded }) => recorded);
  const plain = steps.filter(({ recorded }) => !recorded);
  console.log(table(
    "quickstart, steps that are recorded",
    runs.map((steps) => rowOf(steps.filter(({ recorded }) => recorded))),
  ));
  const stages = ["rollout", "update", "sync", "record", "total"];
  console.log(table(
    "mean ms of each stage",
    [recorded, plain].map((steps) => ({
      steps: steps === recorded ? "recorded" : "not",
      ...Object.fromEntries(stages.map((stage) => [
        stage,
        mean(steps.map(({ seconds }) => 1000 * seconds[stage]!)).toFixed(1),
      ])),
    })),
  ));
  console.log(table("what recording adds to a step", [
    costRow("ms", runs, (step) => step.milliseconds),
    costRow("CPU ms", runs, (step) => step.cpu),
  ]));
}

/**
 * How much more something is of recorded steps. The same steps of the runs of a pair have the same
 * episodes, so one that is recorded is compared with the same one that is not. Which of the runs
 * records changes from block to block, so that two neighbouring blocks together tell nothing of how
 * the machine drifts: each two of them are one sample.
 */
function costRow(
  what: string,
  runs: readonly (readonly Step[])[],
  of: (step: Step) => number,
): Row {
  const samples: { readonly share: number; readonly more: number }[] = [];
  for (let run = 0; run < runs.length; run += 2) {
    const pairs = runs[run]!.flatMap((step, at) => {
      const other = runs[run + 1]![at]!;
      if (!step.settled) return [];
      const [recorded, plain] = step.recorded ? [step, other] : [other, step];
      return [{ block: step.block, recorded: of(recorded), plain: of(plain) }];
    });
    const blocks = Map.groupBy(pairs, ({ block }) => block >> 1);
    for (const both of blocks.values()) {
      if (both.length < 2 * (BLOCK - 1)) continue;
      samples.push({
        share: 100 *
          mean(both.map(({ recorded, plain }) => Math.log(recorded / plain))),
        more: mean(both.map(({ recorded, plain }) => recorded - plain)),
      });
    }
  }
  const shares = samples.map(({ share }) => share);
  const average = mean(shares);
  const variance = shares.reduce((sum, x) => sum + (x - average) ** 2, 0) /
    (shares.length - 1);
  return {
    what,
    samples: shares.length,
    "median %": median(shares).toFixed(2),
    "mean %": average.toFixed(2),
    "standard error": Math.sqrt(variance / shares.length).toFixed(2),
    "more, median": median(samples.map(({ more }) => more)).toFixed(1),
    "more, mean": mean(samples.map(({ more }) => more)).toFixed(1),
  };
}

/**
 * Runs the quickstart; its first step compiles kernels, and is left out.
 *
 * @param phase 0 to begin with steps that are recorded, 1 with steps that are not.
 */
async function runQuickstart(phase: number): Promise<Step[]> {
  const folder = await Deno.makeTempDir();
  try {
    const config = await loadConfig({
      file: await quickstartConfig(),
      set: [
        `run_dir=${folder}/run`,
        `train.steps=${STEPS}`,
        `checkpoint.every=${STEPS}`,
        ...["before", "after"].map((when) => `eval.${when}=false`),
      ],
    });
    const steps: Step[] = [];
    let before: number | undefined;
    let cpuBefore = process.cpuUsage();
    let done = 0;
    const blockOf = (step: number) => Math.floor((step - 1) / BLOCK);
    const isRecorded = (step: number) => blockOf(step) % 2 === phase;
    const monitor = {
      ...config.monitor,
      get episodes() {
        return isRecorded(done + 1);
      },
    };
    await train({ ...config, monitor }, {
      view: {
        show(event) {
          if (event.event !== "step") return;
          const now = performance.now();
          const { user, system } = process.cpuUsage(cpuBefore);
          cpuBefore = process.cpuUsage();
          if (before !== undefined) {
            const { seconds, step } = event;
            const recorded = isRecorded(step);
            const block = blockOf(step);
            const settled = blockOf(step - 1) === block;
            const milliseconds = now - before;
            const row = milliseconds - 1000 * seconds.total!;
            const cpu = (user + system) / 1000;
            steps.push({
              recorded,
              block,
              settled,
              milliseconds,
              cpu,
              row,
              seconds,
            });
          }
          before = now;
          done = event.step;
        },
        [Symbol.dispose]() {},
      },
    });
    return steps;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function rowOf(steps: readonly Step[]): Row {
  const shares = steps.map(({ row, seconds, milliseconds }) =>
    100 * (1000 * seconds.record! + row) / milliseconds
  );
  const works = steps.map(({ seconds }) => 1000 * seconds.recordWork!);
  return {
    steps: steps.length,
    "ms a step": median(steps.map((step) => step.milliseconds)).toFixed(0),
    "waited %, mean": mean(shares).toFixed(2),
    "worst %": Math.max(...shares).toFixed(2),
    "above 2 %": shares.filter((share) => share > 2).length,
    "for episodes, worst ms": Math.max(
      ...steps.map(({ seconds }) => 1000 * seconds.record!),
    ).toFixed(0),
    "for the row, worst ms": Math.max(...steps.map(({ row }) => row))
      .toFixed(1),
    "work, mean ms": mean(works).toFixed(1),
    "work, worst ms": Math.max(...works).toFixed(0),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Writes a large batch with nothing else to do. */
async function benchBatch(): Promise<void> {
  const shape = { steps: 60, groups: 32, groupSize: 8, padding: 416 };
  const { groups, findScores } = generateGroups(1, shape);
  const folder = await Deno.makeTempDir();
  const timed: Record<string, number[]> = {};
  try {
    await using writer = await RecordWriter.open(folder, { tokenText });
    for (let step = 1; step <= 20; step++) {
      await clocked("records, from begin to end", async () => {
        const batch = { step, kind: "train" as const, groups, findScores };
        note("records, at work", 1000 * await writer.writeBatch(batch));
      });
      await clocked("the step's row", async () => {
        const record = generateRecord(step, groups, shape);
        await writer.writeStep(record);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(table(
    "256 episodes of 512 tokens, ms",
    Object.entries(timed).map(([what, values]) => ({
      what,
      median: median(values).toFixed(1),
      worst: Math.max(...values).toFixed(1),
    })),
  ));

  function note(what: string, milliseconds: number): void {
    (timed[what] ??= []).push(milliseconds);
  }

  /** Notes how long `work` takes, and how long others waited for this thread at most. */
  async function clocked(
    what: string,
    work: () => Promise<void>,
  ): Promise<void> {
    let longest = 0;
    let last = performance.now();
    const ticks = setInterval(() => {
      const now = performance.now();
      longest = Math.max(longest, now - last);
      last = now;
    }, 1);
    const began = performance.now();
    await work();
    note(what, performance.now() - began);
    clearInterval(ticks);
    note(`${what}: longest between two ticks of 1 ms`, longest);
  }
}
