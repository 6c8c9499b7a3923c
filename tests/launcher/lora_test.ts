import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locateModel, modelOverrides } from "../../src/cli/locate_model.ts";
import { type Config, loadConfig } from "../../src/config/mod.ts";
import { evaluate, train } from "../../src/launcher/mod.ts";
import { readSafetensors } from "../../src/model/mod.ts";
import type { View } from "../../src/monitor/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";

const QUICKSTART = fileURLToPath(
  new URL("../../examples/calculator/calculator.yaml", import.meta.url),
);
const SILENT: View = { show() {}, [Symbol.dispose]() {} };

/** The quickstart made small, training an adapter. */
function small(run: string, set: readonly string[] = []): Promise<Config> {
  return loadConfig({
    file: QUICKSTART,
    set: [
      "train.method=lora",
      "train.lora.rank=3",
      "train.lora.targets=[q_proj,v_proj,down_proj]",
      "train.lora.dropout=0.2",
      "train.learning_rate=1e-3",
      "train.steps=2",
      "checkpoint.every=1",
      "checkpoint.keep=0",
      "rollout.batch_tasks=4",
      "eval.tasks=4",
      "eval.before=false",
      `run_dir=${run}`,
      ...set,
    ],
  });
}

async function factorsOf(checkpoint: string): Promise<Map<string, number[]>> {
  const store = await readSafetensors(
    join(checkpoint, "adapter_model.safetensors"),
  );
  const factors = new Map<string, number[]>();
  for (const name of store.tensors.keys()) {
    factors.set(name, [...await store.read(name)]);
  }
  return factors;
}

/** A run's metrics, but for the time they took. */
async function metricsOf(run: string): Promise<unknown[]> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  return text.trim().split("\n").map((line) => {
    const { seconds: _, ...metrics } = JSON.parse(line);
    return metrics;
  });
}

Deno.test("train() trains an adapter under dropout, goes on from its checkpoint to the bit, and evaluate() measures it", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const run = join(folder, "run");
    const config = await small(run);
    const summary = await train(config, { view: SILENT });
    const last = join(run, "checkpoints", "step-000002");
    const factors = await factorsOf(last);
    assertTrue(factors.size > 0);
    for (const name of factors.keys()) {
      assertTrue(/\.(q_proj|v_proj|down_proj)\.lora_[AB]\./.test(name), name);
    }
    assertTrue(
      factors.entries().some(([name, values]) =>
        name.includes("lora_B") && values.some((value) => value !== 0)
      ),
    );

    const located = modelOverrides(await locateModel(run));
    assertEquals(located.map(({ key }) => key), [
      "model.path",
      "model.adapter",
    ]);
    const set = located.map(({ key, value }) => `${key}=${value}`);
    const measured = await evaluate(await small(run, set), { view: SILENT });
    assertEquals(measured.sampled, summary.eval.after?.sampled);
    assertEquals(measured.greedy, summary.eval.after?.greedy);

    const metrics = await metricsOf(run);
    await Deno.remove(last, { recursive: true });
    await train(config, { view: SILENT, resume: run });
    assertEquals(await factorsOf(last), factors);
    assertEquals(await metricsOf(run), metrics);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
