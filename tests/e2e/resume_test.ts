import { join } from "node:path";
import type { Evaluation, StepRecord } from "../../src/monitor/mod.ts";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { type Ended, Program, runProgram, SMALL } from "./_program.ts";

const ARGS = [
  "train",
  ...["--steps", "8", "--set", "checkpoint.every=2", "--set", "eval.every=4"],
  ...SMALL,
];

/** Metrics and evaluations of a run, without what no two runs share. */
async function records(run: string): Promise<Record<string, unknown>[]> {
  const files = ["metrics.jsonl", "evaluations.jsonl"];
  const texts = await Promise.all(
    files.map((file) => Deno.readTextFile(join(run, file))),
  );
  return texts.join("").trim().split("\n").map((line) => {
    const { seconds: _, ...record }: StepRecord | Evaluation = JSON.parse(line);
    return record;
  });
}

/** Episodes of each step in a run's records, and the last step they have. */
function recorded(run: string): unknown {
  using reader = new RecordReader(run);
  const batches = reader.database.prepare(
    "SELECT step, kind, count(*) count FROM episodes GROUP BY 1, 2 ORDER BY 1, 2",
  ).all();
  return { batches, last: reader.lastStep() };
}

/** Kills the program after `milliseconds` of life, unless it has ended by then. */
async function killedAfter(
  milliseconds: number,
  args: readonly string[],
  cwd: string,
): Promise<Ended> {
  await using program = new Program(args, { cwd });
  const timer = setTimeout(() => program.kill("SIGKILL"), milliseconds);
  try {
    return await program.ended();
  } finally {
    clearTimeout(timer);
  }
}

Deno.test("train --resume ends with the same records, whenever kill -9 struck", async () => {
  await withFolder(async (folder) => {
    await runProgram([...ARGS, "--run-dir", "whole"], { cwd: folder });
    const expected = await records(join(folder, "whole"));
    assertEquals(expected.length, 8 + 3);
    const batches = recorded(join(folder, "whole"));

    const lives: number[] = [];
    let ended: Ended | undefined;
    while (ended?.code !== 0) {
      const begun = await exists(join(folder, "killed", "config.yaml"));
      const args = begun
        ? ["train", "--resume", "killed"]
        : [...ARGS, "--run-dir", "killed"];
      // Longer lives later on, so that the run comes to its end on any machine.
      lives.push(1000 + Math.random() * 3000 + 1000 * lives.length);
      ended = await killedAfter(lives.at(-1)!, args, folder);
      assertEquals(ended.stderr, "", `killed after ${lives} ms`);
    }
    assertEquals(
      await records(join(folder, "killed")),
      expected,
      `killed after ${lives} ms`,
    );
    assertEquals(recorded(join(folder, "killed")), batches);
  });
});

Deno.test("train finishes and saves the step at Ctrl-C, and says how to go on", async () => {
  await withFolder(async (folder) => {
    const program = new Program([...ARGS, "--run-dir", "run"], { cwd: folder });
    await program.until(({ event }) => event === "step");
    program.kill("SIGINT");
    const { code, events } = await program.ended();
    assertEquals(code, 130);
    const stopped = events.at(-1)!;
    assertMatch(stopped.event, "stopped");
    if (stopped.event !== "stopped") return;
    const run = join(folder, "run");
    assertEquals(stopped.resume, `astuner train --resume ${run}`);
    const metrics = await records(join(folder, "run"));
    assertEquals(
      metrics.filter(({ reward }) => reward !== undefined).length,
      stopped.steps,
    );

    const args = stopped.resume.split(" ").slice(1);
    const resumed = await runProgram(args, { cwd: folder });
    assertEquals(resumed.code, 0);
    assertEquals((await records(join(folder, "run"))).length, 8 + 3);
  });
});

Deno.test("train stops at once at the second Ctrl-C, and can be resumed", async () => {
  await withFolder(async (folder) => {
    const program = new Program([...ARGS, "--run-dir", "run"], { cwd: folder });
    await program.until(({ event }) => event === "step");
    program.kill("SIGINT");
    program.kill("SIGINT");
    const { code, events } = await program.ended();
    assertEquals(code, 130);
    assertEquals(events.some(({ event }) => event === "done"), false);
    const resumed = await runProgram(["train", "--resume", "run"], {
      cwd: folder,
    });
    assertEquals(resumed.code, 0);
    assertEquals((await records(join(folder, "run"))).length, 8 + 3);
  });
});

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
