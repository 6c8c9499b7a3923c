import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locateModel, modelOverrides } from "../../src/cli/locate_model.ts";
import { type Config, loadConfig } from "../../src/config/mod.ts";
import { UserError } from "../../src/errors.ts";
import {
  evaluate,
  exportModel,
  planRun,
  train,
} from "../../src/launcher/mod.ts";
import type { RunEvent, View } from "../../src/monitor/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const QUICKSTART = here("../../examples/calculator/calculator.yaml");

/** A run whose solver and critic have adapters of their own. */
function pairRun(run: string, set: readonly string[] = []): Promise<Config> {
  return loadConfig({
    file: QUICKSTART,
    set: [
      `workflow.path=${here("../e2e/agents/pair.ts")}`,
      "train.method=lora",
      "train.lora.rank=4",
      "train.lora.agents=[solver, critic, judge]",
      "train.steps=1",
      "train.learning_rate=0.05",
      "rollout.batch_tasks=4",
      "eval.tasks=8",
      "eval.before=false",
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

Deno.test("train() with agents' own adapters leaves a checkpoint that evaluate() and exportModel() take each from", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const run = join(folder, "run");
    const view = new Shown();
    const summary = await train(await pairRun(run), { view });
    const notes = view.events.flatMap((event) =>
      event.event === "note" && event.text.startsWith("No call")
        ? [event.text]
        : []
    );
    assertEquals(notes, [
      "No call came from judge of train.lora.agents; agents that called: solver, critic, helper",
    ]);

    const located = modelOverrides(await locateModel(run));
    const set = located.map(({ key, value }) => `${key}=${value}`);
    const measured = await evaluate(await pairRun(run, set), { view });
    assertEquals(measured.sampled, summary.eval.after!.sampled);
    assertEquals(measured.greedy, summary.eval.after!.greedy);

    const { model } = await pairRun(run);
    const last = join(run, "checkpoints", "step-000001");
    const files = await Promise.all(
      ["", "solver"].map(async (adapter) => {
        const out = join(folder, `merged ${adapter}`);
        const exported = join(last, adapter);
        await exportModel({ model: model.path, adapter: exported, out });
        return await Deno.readFile(join(out, "model.safetensors"));
      }),
    );
    assertTrue(files[0]!.length === files[1]!.length);
    assertTrue(files[0]!.some((byte, at) => byte !== files[1]![at]));

    await Deno.writeTextFile(
      join(last, "solver", "adapter_config.json"),
      (await Deno.readTextFile(join(last, "solver", "adapter_config.json")))
        .replace(/"lora_alpha": \d+/, '"lora_alpha": 5'),
    );
    await assertRejects(
      async () => await evaluate(await pairRun(run, set), { view }),
      UserError,
      "the adapters of a run have one shape",
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("planRun() counts the adapters of agents", async () => {
  const { gpu } = await planRun(await pairRun("run"), "train");
  const one = await planRun(
    await pairRun("run", ["train.lora.agents=[]"]),
    "train",
  );
  assertEquals(one.gpu["adapters at rest"], undefined);
  // Weights and two moments of four adapters; those that stand in force come on top, as where there is one.
  assertEquals(gpu["adapters at rest"], 4 * 3 * gpu.adapter!);
  assertEquals(gpu.adapter, one.gpu.adapter);
});
