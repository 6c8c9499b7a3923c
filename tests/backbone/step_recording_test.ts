import { join } from "node:path";
import { type Job, WebGpuBackbone } from "../../src/backbone/mod.ts";
import { UserError } from "../../src/errors.ts";
import type { RunEvent } from "../../src/monitor/mod.ts";
import { RecordReader, RecordWriter } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { type BigramProcess, bigramRun } from "./_bigram_job.ts";

function train({ policy, engine, job }: BigramProcess) {
  return new WebGpuBackbone({ policy, engine }).run(job);
}

/** The process's job; `prepare` is called once the run has begun, which removes what an earlier life left half-written. */
function prepared(
  { job }: BigramProcess,
  prepare: () => Promise<unknown>,
): Job {
  return {
    ...job,
    async rollout(tasks, options) {
      if (options.step === 1) await prepare();
      return await job.rollout(tasks, options);
    },
  };
}

/** Records in which each token is named by its id. */
function openRecords(folder: string): Promise<RecordWriter> {
  return RecordWriter.open(folder, {
    tokenText: (id) => ({ bytes: Uint8Array.of(id), special: false }),
  });
}

Deno.test("WebGpuBackbone has recorded a step's episodes before anybody hears of the step", async () => {
  await using run = await bigramRun(["train.steps=4"]);
  using process = await run.open();
  await using records = await openRecords(run.folder);
  using reader = new RecordReader(run.folder);
  const found: unknown[] = [];
  let scored = 0;
  const show = (event: RunEvent) => {
    if (event.event !== "step") return;
    const { step, seconds } = event;
    const { rows, total } = reader.episodes({ from: step, to: step });
    scored += rows.filter(({ gap_max }) => gap_max !== null).length;
    const lines = Deno.readTextFileSync(
      join(run.folder, "episodes", `00000${step}-train.jsonl`),
    );
    found.push({
      total,
      lines: lines.trim().split("\n").length,
      last: reader.lastStep(),
      measured: [typeof seconds.record, typeof seconds.recordWork],
    });
  };
  const view = { ...process.job.view, show };
  await train({ ...process, job: { ...process.job, records, view } });
  const step = {
    total: 12,
    lines: 12,
    measured: ["number", "number"],
  };
  assertEquals(found, [1, 2, 3, 4].map((last) => ({ ...step, last })));
  assertTrue(scored > 0);
});

Deno.test({
  name:
    "WebGpuBackbone goes on with a step while its episodes are being written",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using run = await bigramRun(["train.steps=1"]);
    using process = await run.open();
    // Nobody can write into a pipe that nobody reads.
    const pipe = join(run.folder, "episodes", "000001-train.jsonl.tmp");
    const job = prepared(
      process,
      () => new Deno.Command("mkfifo", { args: [pipe] }).output(),
    );
    const { engine } = process;
    const score = engine.score.bind(engine);
    const probed = Promise.withResolvers<void>();
    engine.score = async (sequences) => {
      const logprobs = await score(sequences);
      probed.resolve();
      return logprobs;
    };
    const trained = train({ ...process, job });
    await probed.promise;
    assertEquals(process.policy.version, 1);
    assertEquals(await process.job.store.steps(), []);

    const text = await Deno.readTextFile(pipe);
    assertEquals(text.trim().split("\n").length, 12);
    assertEquals(await trained, { steps: 1, finished: true });
    assertEquals((await process.job.store.steps()).length, 1);
  },
});

Deno.test({
  name:
    "WebGpuBackbone.run() says that the disk is full at the step's end, and can be gone on with",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await using run = await bigramRun(["train.steps=4", "checkpoint.every=1"]);
    const full = join(run.folder, "episodes", "000003-train.jsonl.tmp");
    {
      using process = await run.open();
      const job = prepared(process, () => Deno.symlink("/dev/full", full));
      await assertRejects(
        () => train({ ...process, job }),
        UserError,
        "000003-train.jsonl: the disk is full",
      );
      assertEquals((await process.job.store.steps()).length, 2);
    }
    using process = await run.open();
    assertEquals(await train(process), { steps: 4, finished: true });
    assertEquals((await process.job.store.steps()).length, 4);
  },
});
