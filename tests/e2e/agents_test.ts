import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readSafetensors } from "../../src/model/mod.ts";
import type { StepRecord } from "../../src/monitor/mod.ts";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { type Ended, Program, runProgram, SMALL } from "./_program.ts";

const WORKFLOW = fileURLToPath(new URL("./agents/pair.ts", import.meta.url));

const SETTINGS = {
  "workflow.path": WORKFLOW,
  "train.method": "lora",
  "train.lora.rank": "4",
  "train.lora.agents": "[solver, critic, judge]",
  "train.learning_rate": "0.005",
  "checkpoint.every": "1",
  "checkpoint.keep": "0",
  "eval.before": "false",
  "eval.after": "false",
};

const ARGS = [
  "train",
  "--steps",
  "4",
  ...SMALL,
  ...Object.entries(SETTINGS).flatMap(([key, value]) => [
    "--set",
    `${key}=${value}`,
  ]),
];

/** Metrics of a run, without its times. */
async function metricsOf(run: string): Promise<Omit<StepRecord, "seconds">[]> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  return text.trim().split("\n").map((line) => {
    const { seconds: _, ...record }: StepRecord = JSON.parse(line);
    return record;
  });
}

/** The numbers of an adapter in a checkpoint, by name. */
async function factorsOf(folder: string): Promise<Map<string, number[]>> {
  const store = await readSafetensors(
    join(folder, "adapter_model.safetensors"),
  );
  const names = [...store.tensors.keys()];
  return new Map(
    await Promise.all(
      names.map(async (name) =>
        [name, [...await store.read(name)]] as [string, number[]]
      ),
    ),
  );
}

/** Whether training has moved an adapter: B is zero before. */
function isTrained(factors: ReadonlyMap<string, number[]>): boolean {
  return factors.entries().some(([name, values]) =>
    name.includes("lora_B") && values.some((value) => value !== 0)
  );
}

/** Runs the program until a step is recorded, and kills it there. */
async function killedAfterStep(
  args: readonly string[],
  cwd: string,
): Promise<Ended> {
  await using program = new Program(args, { cwd });
  await program.until(({ event }) => event === "step");
  program.kill("SIGKILL");
  return await program.ended();
}

Deno.test("train gives agents adapters of their own, and goes on with all of them after kill -9", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const whole = await runProgram([...ARGS, "--run-dir", "whole"], {
      cwd: folder,
    });
    assertEquals([whole.code, whole.stderr], [0, ""]);
    const run = join(folder, "whole");
    const metrics = await metricsOf(run);
    const { agents } = metrics.at(-1)! as {
      readonly agents: Readonly<Record<string, number>>;
    };
    for (const agent of ["solver", "critic"]) {
      assertTrue(agents[`${agent}.gradNorm`]! > 0, JSON.stringify(agents));
    }
    assertEquals(agents["judge.optimizerSteps"], 0);

    // Each agent's calls name the adapter that sampled them.
    using reader = new RecordReader(run);
    const sampled = reader.database.prepare(
      "SELECT DISTINCT agent, adapter FROM calls ORDER BY agent",
    ).all().map(({ agent, adapter }) => `${agent}: ${adapter}`);
    assertEquals(sampled, ["critic: critic", "helper: null", "solver: solver"]);

    const last = join(run, "checkpoints", "step-000004");
    const folders = [".", "solver", "critic", "judge"];
    const factors = await Promise.all(
      folders.map((name) => factorsOf(join(last, name))),
    );
    assertEquals(factors.map(isTrained), [true, true, true, false]);
    const [shared, solver, critic] = factors.map((each) =>
      JSON.stringify([...each])
    );
    assertEquals(new Set([shared, solver, critic]).size, 3);

    await killedAfterStep([...ARGS, "--run-dir", "killed"], folder);
    await killedAfterStep(["train", "--resume", "killed"], folder);
    const { code } = await runProgram(["train", "--resume", "killed"], {
      cwd: folder,
    });
    assertEquals(code, 0);
    assertEquals(await metricsOf(join(folder, "killed")), metrics);
    const resumed = join(folder, "killed", "checkpoints", "step-000004");
    for (const [i, name] of folders.entries()) {
      assertEquals(await factorsOf(join(resumed, name)), factors[i]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
