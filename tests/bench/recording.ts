/**
 * What recording costs a training step: the quickstart with `monitor.episodes` and without it, turn
 * and turn about, and a batch of 256 episodes of 512 tokens.
 *
 *     deno run -A tests/bench/recording.ts [PAIRS] [STEPS]
 *
 * @module
 */
import { quickstartConfig } from "../../src/cli/quickstart.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { train } from "../../src/launcher/mod.ts";
import { RunStore, type StepRecord } from "../../src/monitor/mod.ts";
import { RecordWriter } from "../../src/monitor/records/mod.ts";
import {
  generateGroups,
  generateRecord,
  tokenText,
} from "../monitor/_generated_run.ts";
import { median, type Row, table } from "./_report.ts";

const PAIRS = Number(Deno.args[0] ?? 2);
const STEPS = Number(Deno.args[1] ?? 60);

/** A step that took part. */
interface Step {
  /** Since the step before was told of: its own stages, and its row. */
  readonly milliseconds: number;
  /** Of those, the time after its stages: its row, and turning to the next step. */
  readonly row: number;
  readonly seconds: StepRecord["seconds"];
}

await benchBatch();
await benchQuickstart();

async function benchQuickstart(): Promise<void> {
  const recorded: Step[][] = [];
  const plain: Step[][] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    // Whoever comes first finds the machine cooler, or its caches colder.
    const first = pair % 2 === 0;
    for (const episodes of [first, !first]) {
      (episodes ? recorded : plain).push(await runQuickstart(episodes));
    }
  }
  console.log(table("quickstart, recorded", recorded.map(rowOf)));
  const stages = ["rollout", "update", "sync", "record", "total"];
  console.log(table(
    "median ms of each stage",
    [recorded, plain].map((runs) => ({
      run: runs === recorded ? "recorded" : "not",
      ...Object.fromEntries(stages.map((stage) => [
        stage,
        median(runs.flat().map(({ seconds }) => 1000 * seconds[stage]!)),
      ])),
    })),
  ));
  const differences = recorded.flatMap((steps, pair) =>
    steps.map(({ milliseconds }, at) =>
      100 * (milliseconds / plain[pair]![at]!.milliseconds - 1)
    )
  );
  const mean = differences.reduce((a, b) => a + b) / differences.length;
  const variance = differences.reduce((sum, x) => sum + (x - mean) ** 2, 0) /
    (differences.length - 1);
  console.log(table("step by step, recorded against not, %", [{
    steps: differences.length,
    median: median(differences).toFixed(2),
    mean: mean.toFixed(2),
    "standard error": Math.sqrt(variance / differences.length).toFixed(2),
  }]));
}

/** Runs the quickstart; its first step compiles kernels, and is left out. */
async function runQuickstart(episodes: boolean): Promise<Step[]> {
  const folder = await Deno.makeTempDir();
  try {
    const config = await loadConfig({
      file: await quickstartConfig(),
      set: [
        `run_dir=${folder}/run`,
        `train.steps=${STEPS}`,
        `monitor.episodes=${episodes}`,
        `checkpoint.every=${STEPS}`,
        ...["before", "after"].map((when) => `eval.${when}=false`),
      ],
    });
    const steps: Step[] = [];
    let before: number | undefined;
    await train(config, {
      view: {
        show(event) {
          if (event.event !== "step") return;
          const now = performance.now();
          if (before !== undefined) {
            const { seconds } = event;
            const milliseconds = now - before;
            const row = milliseconds - 1000 * seconds.total!;
            steps.push({ milliseconds, row, seconds });
          }
          before = now;
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
  const episodes = groups.flatMap(({ episodes }) => episodes);
  const folder = await Deno.makeTempDir();
  const timed: Record<string, number[]> = {};
  try {
    using store = await RunStore.create(`${folder}/run`, "");
    await using writer = await RecordWriter.open(folder, { tokenText });
    for (let step = 1; step <= 20; step++) {
      await clocked("lines, from begin to end", async () => {
        const seconds = await store.writeEpisodes(step, "train", episodes);
        note("lines, at work", 1000 * seconds);
      });
      await clocked("records, from begin to end", async () => {
        const batch = { step, kind: "train" as const, groups, findScores };
        note("records, at work", 1000 * await writer.writeBatch(batch));
      });
      await clocked("the step's row", async () => {
        const record = generateRecord(step, groups, shape);
        await store.appendStep(record);
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
