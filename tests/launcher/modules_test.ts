import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { locateModel, modelOverrides } from "../../src/cli/locate_model.ts";
import {
  type Config,
  loadConfig,
  loadServeConfig,
  type ServeConfig,
} from "../../src/config/mod.ts";
import { ModelError } from "../../src/errors.ts";
import {
  evaluate,
  exportModel,
  openChat,
  score,
  serve,
  train,
  updateFromRollouts,
} from "../../src/launcher/mod.ts";
import {
  type AdapterConfig,
  type AdapterModule,
  initAdapter,
  loadModelWeights,
  modelTensors,
  moduleTensors,
  readSafetensors,
  saveAdapter,
} from "../../src/model/mod.ts";
import type { View } from "../../src/monitor/mod.ts";
import type { JsonLine } from "../../src/offline/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { withFolder } from "../with_folder.ts";

const QUICKSTART = fileURLToPath(
  new URL("../../examples/calculator/calculator.yaml", import.meta.url),
);
/** A Qwen3 whose head is its embedding. */
const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);
const SILENT: View = { show() {}, [Symbol.dispose]() {} };
const SEQUENCES = [[5, 6, 7, 8, 9, 300, 11], [20, 1, 3]];

/** Saves an adapter over the quickstart's model whose modules are no longer the model's. */
async function writeAdapter(
  folder: string,
  { seed, ...modules }: {
    readonly seed: number;
    readonly modules: readonly AdapterModule[];
    readonly tied?: boolean;
  },
): Promise<void> {
  const model = await loadModelWeights(MODEL);
  const weights = await Promise.all(
    modelTensors(model).map(async ({ name, shape, read }) => ({
      name,
      shape,
      data: await read(),
    })),
  );
  const config: AdapterConfig = {
    rank: 2,
    alpha: 4,
    rslora: false,
    targets: ["v_proj"],
    base: MODEL,
    ...modules,
  };
  const tensors = [
    ...initAdapter(model.config, config, seed),
    ...moduleTensors(weights, config),
  ].map((tensor, at) => ({
    ...tensor,
    data: tensor.data.map((value, i) => value + Math.sin(seed + at + i) / 20),
  }));
  await saveAdapter(folder, { config, tensors });
}

function configOf(set: readonly string[]): Promise<ServeConfig> {
  return loadServeConfig({ set });
}

async function* lines(): AsyncGenerator<JsonLine> {
  for (const [at, tokens] of SEQUENCES.entries()) {
    yield { fields: { tokens }, where: `${at}` };
  }
}

/** Logprobs of all tokens but the first of each sequence. */
async function scores(set: readonly string[]): Promise<number[][]> {
  const all = await Array.fromAsync(score(await configOf(set), lines()));
  return all.map((row) => row.slice(1) as number[]);
}

function assertNear(actual: number[][], expected: number[][]): void {
  const gaps = expected.flatMap((row, r) =>
    row.map((value, i) => Math.abs(actual[r]![i]! - value))
  );
  assertTrue(Math.max(...gaps) < 1e-4, `${Math.max(...gaps)}`);
}

function isFar(actual: number[][], other: number[][]): boolean {
  return other.flat().some((value, i) =>
    Math.abs(actual.flat()[i]! - value) > 1e-2
  );
}

/**
 * The quickstart made small, training an adapter with its one table and every norm, held to the reference, beside the
 * adapter of an agent that never calls.
 */
function small(run: string, set: readonly string[] = []): Promise<Config> {
  return loadConfig({
    file: QUICKSTART,
    set: [
      "train.method=lora",
      "train.lora.rank=3",
      "train.lora.targets=[q_proj,down_proj]",
      "train.lora.modules_to_save=[embed_tokens,norm]",
      "train.lora.agents=[critic]",
      "train.learning_rate=1e-3",
      "train.algorithm.kl=k3",
      "train.algorithm.kl_coefficient=0.1",
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

async function tensorsOf(file: string): Promise<Map<string, number[]>> {
  const store = await readSafetensors(file);
  const tensors = new Map<string, number[]>();
  for (const name of store.tensors.keys()) {
    tensors.set(name, [...await store.read(name)]);
  }
  return tensors;
}

/** What the model, whose head is its embedding, calls a tensor of its adapter. */
function ownName(name: string): string {
  return name.replace("base_model.model.", "")
    .replace("lm_head", "model.embed_tokens");
}

Deno.test("train() trains modules beside LoRA under a KL term, goes on from its checkpoint to the bit, and evaluate() measures them", () =>
  withFolder(async (folder) => {
    const run = join(folder, "run");
    const config = await small(run);
    const summary = await train(config, { view: SILENT });
    const last = join(run, "checkpoints", "step-000002");
    const file = join(last, "adapter_model.safetensors");
    const trained = await tensorsOf(file);
    const opened = await tensorsOf(join(MODEL, "model.safetensors"));
    const whole = [...trained.keys()].filter((name) => !name.includes("lora_"));
    // Four norms a layer, the last one, and the table under both its names.
    assertEquals(whole.length, 4 * 3 + 1 + 2);
    for (const name of whole) {
      const own = opened.get(ownName(name))!;
      assertTrue(trained.get(name)!.some((x, i) => x !== own[i]), name);
    }
    const untrained = await tensorsOf(
      join(last, "critic", "adapter_model.safetensors"),
    );
    for (const name of whole) {
      assertEquals(untrained.get(name), opened.get(ownName(name)), name);
    }
    const metrics = (await Deno.readTextFile(join(run, "metrics.jsonl")))
      .trim().split("\n").map((line) => JSON.parse(line));
    // The first step begins at the reference, the second one does not.
    assertTrue(Math.abs(metrics[0].kl) < 1e-6, `${metrics[0].kl}`);
    assertTrue(metrics[1].kl > 1e-6, `${metrics[1].kl}`);

    const located = modelOverrides(await locateModel(run));
    const set = located.map(({ key, value }) => `${key}=${value}`);
    const measured = await evaluate(await small(run, set), { view: SILENT });
    assertEquals(measured.sampled, summary.eval.after?.sampled);
    assertEquals(measured.greedy, summary.eval.after?.greedy);

    await Deno.remove(last, { recursive: true });
    await train(config, { view: SILENT, resume: run });
    assertEquals(await tensorsOf(file), trained);
  }));

for (
  const [name, modules] of Object.entries(
    {
      "one table": {
        modules: ["embed_tokens", "k_norm", "lm_head"],
        tied: true,
      },
      "an embedding and a head": {
        modules: ["embed_tokens", "model.norm", "lm_head"],
      },
      "an embedding that parts": { modules: ["embed_tokens"] },
    } satisfies Record<
      string,
      Omit<Parameters<typeof writeAdapter>[1], "seed">
    >,
  )
) {
  Deno.test(`serve() and openChat() speak from an adapter with modules as score() sees it, and as it is exported (${name})`, () =>
    withFolder(async (folder) => {
      const [adapter, other, stranger, merged] = [
        "adapter",
        "other",
        "stranger",
        "merged",
      ].map((name) => join(folder, name)) as [string, string, string, string];
      await writeAdapter(adapter, { seed: 1, ...modules });
      await writeAdapter(other, { seed: 2, ...modules });
      await writeAdapter(stranger, { seed: 3, modules: ["model.norm"] });
      const set = [`model.path=${MODEL}`, `model.adapter=${adapter}`];
      const expected = await scores(set);
      assertTrue(isFar(await scores([`model.path=${MODEL}`]), expected));
      await exportModel({ model: MODEL, adapter, out: merged });
      assertNear(await scores([`model.path=${merged}`]), expected);

      await using server = await serve(await configOf(set), { port: 0 });
      const post = (path: string, body: object) =>
        fetch(`${server.url}${path}`, {
          method: "POST",
          body: JSON.stringify(body),
        });
      const served = async (model: string) => {
        const rows = SEQUENCES.map(async (prompt) => {
          const asked = { model, prompt, max_tokens: 1, prompt_logprobs: 0 };
          const { choices } = await (await post("/completions", asked)).json();
          return prompt.slice(1).map((token, at) =>
            choices[0].prompt_logprobs[at + 1][token].logprob as number
          );
        });
        return await Promise.all(rows);
      };
      assertNear(await served(server.model), expected);
      const load = async (lora_name: string, lora_path: string) => {
        const body = { lora_name, lora_path };
        const response = await post("/load_lora_adapter", body);
        return [response.status, await response.text()] as const;
      };
      assertEquals((await load("other", other))[0], 200);
      const set2 = [`model.path=${MODEL}`, `model.adapter=${other}`];
      assertNear(await served("other"), await scores(set2));
      assertNear(await served(server.model), expected);
      const [status, said] = await load("stranger", stranger);
      assertEquals(status, 400);
      assertTrue(said.includes("with model.norm whole"), said);

      await using chat = await openChat(
        await configOf([...set, "rollout.max_tokens=4"]),
      );
      assertEquals(typeof await chat.say("12 + 34"), "string");
    }));
}

Deno.test("Commands say where modules beside LoRA cannot go", () =>
  withFolder(async (folder) => {
    const adapter = join(folder, "adapter");
    await writeAdapter(adapter, { seed: 1, modules: ["embed_tokens"] });
    const set = [`model.path=${MODEL}`, `model.adapter=${adapter}`];
    const vllm = [...set, "engine.kind=vllm", "engine.url=http://127.0.0.1:9"];
    await assertRejects(
      async () => await openChat(await configOf(vllm)),
      ModelError,
      "holds embed_tokens whole, and vLLM serves adapters of factors alone: merge it into the model with export",
    );
    const update = async (more: readonly string[]) => {
      const config = await configOf([...set, ...more]);
      const fields = {
        group: "a",
        tokens: [1, 2, 3],
        mask: [0, 1, 1],
        logprobs: [0, -1, -1],
        reward: 1,
      };
      const rollouts = async function* () {
        yield { fields, where: "1" };
        yield { fields: { ...fields, reward: 0 }, where: "2" };
      };
      await Array.fromAsync(
        updateFromRollouts(config, { lines: rollouts(), out: `${folder}/out` }),
      );
    };
    await assertRejects(
      () => update(["train.method=full"]),
      ModelError,
      "parts the embedding and the head of",
    );
    const lora = "train.method=lora";
    await assertRejects(
      () => update([lora, "train.lora.modules_to_save=[norm]"]),
      ModelError,
      "holds embed_tokens whole, and train.lora.modules_to_save asks for input_layernorm, ",
    );
    // An adapter that parts embedding and head goes on so.
    await update([lora]);
    const { config } = await loadModelWeights(MODEL);
    assertTrue(config.tieEmbeddings);
    const names = (await tensorsOf(`${folder}/out/adapter_model.safetensors`))
      .keys().toArray().filter((name) => !name.includes("lora_"));
    assertEquals(names, ["base_model.model.model.embed_tokens.weight"]);
  }));
