import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Job, WebGpuBackbone } from "../../src/backbone/mod.ts";
import { UserError } from "../../src/errors.ts";
import type { RunEvent } from "../../src/monitor/mod.ts";
import {
  RecordReader,
  type RecordWriter,
} from "../../src/monitor/records/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { type BigramProcess, bigramRun, openRecords } from "./_bigram_job.ts";

function train({ policy, engine, job }: BigramProcess) {
  return new WebGpuBackbone({ policy, engine }).run(job);
}

/** The process's job, recorded; `prepare` is called once the run has begun. */
function prepared(
  { job }: BigramProcess,
  records: RecordWriter,
  prepare: () => void,
): Job {
  return {
    ...job,
    records,
    rollout(tasks, options) {
      if (options.step === 1) prepare();
      return job.rollout(tasks, options);
    },
  };
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
    found.push({
      total,
      last: reader.lastStep(),
      measured: [typeof seconds.record, typeof seconds.recordWork],
    });
  };
  const view = { ...process.job.view, show };
  await train({ ...process, job: { ...process.job, records, view } });
  const step = {
    total: 12,
    measured: ["number", "number"],
  };
  assertEquals(found, [1, 2, 3, 4].map((last) => ({ ...step, last })));
  assertTrue(scored > 0);
});

Deno.test("WebGpuBackbone goes on with a step while its episodes are being written", async () => {
  await using run = await bigramRun(["train.steps=1"]);
  using process = await run.open();
  await using records = await openRecords(run.folder);
  using other = new DatabaseSync(join(run.folder, "records.sqlite"));
  // Nobody else can write before this ends.
  const job = prepared(process, records, () => other.exec("BEGIN IMMEDIATE"));
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

  other.exec("COMMIT");
  assertEquals(await trained, { steps: 1, finished: true });
  assertEquals((await process.job.store.steps()).length, 1);
  using reader = new RecordReader(run.folder);
  assertEquals([reader.episodes().total, reader.lastStep()], [12, 1]);
});

Deno.test("WebGpuBackbone.run() says that the disk is full at the step's end, and can be gone on with", async () => {
  await using run = await bigramRun(["train.steps=4", "checkpoint.every=1"]);
  {
    using process = await run.open();
    await using records = await openRecords(run.folder);
    using other = new DatabaseSync(join(run.folder, "records.sqlite"));
    const full = `CREATE TRIGGER full BEFORE INSERT ON groups WHEN new.step = 3
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`;
    const job = prepared(process, records, () => other.exec(full));
    await assertRejects(
      () => train({ ...process, job }),
      UserError,
      "records.sqlite: the disk is full",
    );
    assertEquals((await process.job.store.steps()).length, 2);
    other.exec("DROP TRIGGER full");
  }
  using process = await run.open();
  await using records = await openRecords(run.folder);
  const job = { ...process.job, records };
  assertEquals(await train({ ...process, job }), { steps: 4, finished: true });
  using reader = new RecordReader(run.folder);
  assertEquals([reader.episodes().total, reader.lastStep()], [48, 4]);
});
