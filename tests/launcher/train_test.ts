import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Config, loadConfig } from "../../src/config/mod.ts";
import { DataError, UserError } from "../../src/errors.ts";
import { evaluate, train } from "../../src/launcher/mod.ts";
import type { RunEvent, View } from "../../src/monitor/mod.ts";
import { RecordReader } from "../../src/monitor/records/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { withFolder } from "../with_folder.ts";

const QUICKSTART = fileURLToPath(
  new URL("../../examples/calculator/calculator.yaml", import.meta.url),
);

/** The quickstart made small, with what a test changes of it. */
function small(run: string, set: readonly string[] = []): Promise<Config> {
  return loadConfig({
    file: QUICKSTART,
    set: [
      "train.steps=1",
      "rollout.batch_tasks=2",
      "eval.tasks=4",
      `run_dir=${run}`,
      ...set,
    ],
  });
}

/** Keeps what it is shown. */
class Shown implements View {
  readonly events: RunEvent[] = [];

  show(event: RunEvent): void {
    this.events.push(event);
  }

  [Symbol.dispose](): void {}
}

// deno-lint-ignore no-explicit-any -- a test looks into records of several kinds
async function linesOf(path: string): Promise<any[]> {
  const text = await Deno.readTextFile(path);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("train() leaves a run that evaluate() can measure", async () => {
  await withFolder(async (folder) => {
    const run = join(folder, "run");
    const config = await small(run);
    const view = new Shown();
    const summary = await train(config, { view });
    assertEquals(summary.finished, true);
    assertEquals(summary.eval.before?.sampledEpisodes, 4);

    const kinds = new Set(view.events.map(({ event }) => event));
    assertEquals([...kinds], [
      "progress",
      "memory",
      "note",
      "start",
      "evaluation",
      "step",
      "done",
    ]);
    using reader = new RecordReader(run);
    const { rows: [first] } = reader.episodes({ kind: "train", order: "asc" });
    const { name, calls } = reader.episode(Number(first!.id))!;
    assertEquals(name, "step-1/0/0");
    assertTrue(calls[0]!.logprobs.length > 0);

    const model = join(run, "checkpoints", "latest");
    const measured = await evaluate(
      await small(run, [`model.path=${model}`]),
      { view },
    );
    assertEquals(measured.sampled, summary.eval.after?.sampled);
    assertEquals(measured.greedy, summary.eval.after?.greedy);
  });
});

Deno.test("train() closes all it opened where the workflow cannot be loaded", async () => {
  await withFolder(async (folder) => {
    const workflow = join(folder, "workflow.ts");
    await Deno.writeTextFile(workflow, "export default 3;");
    const config = await small(join(folder, "run"), [
      `workflow.path=${workflow}`,
    ]);
    await assertRejects(
      () => train(config, { view: new Shown() }),
      UserError,
      "no usable default export",
    );
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  });
});

Deno.test("train() ends at once when its signal is aborted", async () => {
  await withFolder(async (folder) => {
    const kill = new AbortController();
    const view = new Shown();
    const shown = view.show.bind(view);
    view.show = (event) => {
      shown(event);
      if (event.event === "progress" && event.stage === "rollout") kill.abort();
    };
    const config = await small(join(folder, "run"), ["eval.before=false"]);
    const error = await train(config, { view, signal: kill.signal })
      .catch((error: unknown) => error);
    assertEquals(error, kill.signal.reason);
  });
});

Deno.test("train() rolls out ahead of the update, and is stopped and resumed as otherwise", async () => {
  await withFolder(async (folder) => {
    const run = join(folder, "run");
    const config = await small(run, [
      "train.steps=4",
      "rollout.max_staleness=1",
      "tasks.validation=null",
    ]);
    const stop = new AbortController();
    const view = new Shown();
    const shown = view.show.bind(view);
    view.show = (event) => {
      shown(event);
      if (event.event === "step" && event.step === 2) stop.abort();
    };
    const stopped = await train(config, { view, stop: stop.signal });
    assertEquals([stopped.steps, stopped.finished], [2, false]);
    const resumed = await train(config, { view: new Shown(), resume: run });
    assertEquals([resumed.steps, resumed.finished], [4, true]);

    const metrics = await linesOf(join(run, "metrics.jsonl"));
    assertEquals(metrics.map(({ step }) => step), [1, 2, 3, 4]);
    using reader = new RecordReader(run);
    for (const { step, tooStaleTokens } of metrics) {
      assertEquals(tooStaleTokens, 0);
      const { rows, total } = reader.episodes({ from: step, to: step });
      assertEquals(total, 16);
      const newest = Number(metrics[step - 2]?.policyVersion ?? 0);
      const before = Number(metrics[step - 3]?.policyVersion ?? 0);
      for (const { id } of rows) {
        for (const { version } of reader.episode(Number(id))!.calls) {
          assertTrue([newest, before].includes(version));
        }
      }
    }
  });
});

Deno.test("train() leaves debugging to the train command", async () => {
  const config = await small("unused", ["train.backbone=debug"]);
  await assertRejects(
    () => train(config, { view: new Shown() }),
    UserError,
    "train.backbone debug updates no weights",
  );
});

Deno.test("evaluate() says that there are no held-out tasks", async () => {
  const config = await small("unused", ["tasks.validation=null"]);
  await assertRejects(
    () => evaluate(config, { view: new Shown() }),
    DataError,
    "tasks.validation",
  );
});
