import { join } from "node:path";
import { UserError } from "../../src/errors.ts";
import { RunStore } from "../../src/monitor/mod.ts";
import type { StepRecord } from "../../src/monitor/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { withFolder } from "../with_folder.ts";

function record(step: number): StepRecord {
  return { step, reward: step / 10, success: 0, seconds: { total: 1 } };
}

Deno.test("RunStore keeps configuration and steps", async () => {
  await withFolder(async (folder) => {
    const run = join(folder, "run");
    {
      using store = await RunStore.create(run, "seed: 1\n");
      await store.appendStep(record(1));
      await store.appendStep({ ...record(2), loss: NaN });
    }
    using store = await RunStore.reopen(run, "seed: 2\n");
    const config = await Deno.readTextFile(join(run, "config.yaml"));
    assertEquals(config, "seed: 2\n");
    assertEquals(await store.steps(), [
      record(1),
      { ...record(2), loss: null },
    ]);
  });
});

Deno.test("RunStore.cutAfter() forgets later steps and a half-written line", async () => {
  await withFolder(async (folder) => {
    using store = await RunStore.create(folder, "");
    for (const step of [1, 2, 3]) await store.appendStep(record(step));
    const metrics = join(folder, "metrics.jsonl");
    await Deno.writeTextFile(metrics, '{"step":4,"rew', { append: true });
    assertEquals((await store.steps()).length, 3);

    await store.cutAfter(2);
    await store.appendStep(record(3));
    assertEquals(await store.steps(), [record(1), record(2), record(3)]);
  });
});

Deno.test("RunStore.steps() names a broken line in the middle", async () => {
  await withFolder(async (folder) => {
    using store = await RunStore.create(folder, "");
    await Deno.writeTextFile(
      join(folder, "metrics.jsonl"),
      '{"step":1}\n{"st\n{"step":3}\n',
    );
    await assertRejects(() => store.steps(), UserError, "metrics.jsonl:2: ");
  });
});

Deno.test("RunStore.create() refuses a directory that holds a run", async () => {
  await withFolder(async (folder) => {
    (await RunStore.create(folder, ""))[Symbol.dispose]();
    await assertRejects(
      () => RunStore.create(folder, ""),
      UserError,
      "--resume",
    );
  });
});

Deno.test("RunStore.reopen() refuses a run that another process works on", async () => {
  await withFolder(async (folder) => {
    using _store = await RunStore.create(folder, "");
    await assertRejects(
      () => RunStore.reopen(folder, ""),
      UserError,
      "Another process",
    );
  });
});

Deno.test("RunStore.reopen() says that a directory holds no run", async () => {
  await withFolder(async (folder) => {
    const error = await assertRejects(
      () => RunStore.reopen(join(folder, "nothing"), ""),
      UserError,
    );
    assertMatch(error.message, "No run in");
  });
});

Deno.test({
  name: "RunStore.appendStep() says that the disk is full",
  ignore: Deno.build.os !== "linux",
  async fn() {
    await withFolder(async (folder) => {
      using store = await RunStore.create(folder, "");
      await Deno.symlink("/dev/full", join(folder, "metrics.jsonl"));
      await assertRejects(
        () => store.appendStep(record(1)),
        UserError,
        "metrics.jsonl: the disk is full",
      );
    });
  },
});
