import { ModelError } from "../../src/errors.ts";
import {
  type AdapterConfig,
  adapterConfigJson,
  adapterShapes,
  initAdapter,
  isAdapterFolder,
  type JsonObject,
  loadAdapter,
  parseModelConfig,
  readAdapterConfig,
  saveAdapter,
  writeSafetensors,
} from "../../src/model/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { TINY_CONFIG } from "./_tiny_model.ts";

const MODEL = parseModelConfig(TINY_CONFIG);
const ADAPTER: AdapterConfig = {
  rank: 2,
  alpha: 6,
  rslora: true,
  targets: ["q_proj", "down_proj"],
  base: "some/model",
};

/** Writes an adapter whose config has other fields. */
async function writeAdapter(
  folder: string,
  fields: JsonObject = {},
): Promise<void> {
  const tensors = initAdapter(MODEL, ADAPTER, 1);
  await saveAdapter(folder, { config: ADAPTER, tensors });
  await Deno.writeTextFile(
    `${folder}/adapter_config.json`,
    JSON.stringify({ ...adapterConfigJson(ADAPTER), ...fields }),
  );
}

Deno.test("initAdapter() draws A evenly from ±1/√in by its seed, and leaves B zero", () => {
  const tensors = initAdapter(MODEL, ADAPTER, 7);
  assertEquals(
    tensors.map(({ name, shape }) => [name, shape]),
    [...adapterShapes(MODEL, ADAPTER)],
  );
  for (const { name, shape, data } of tensors) {
    if (name.includes("lora_B")) {
      assertTrue(data.every((value) => value === 0));
      continue;
    }
    const bound = 1 / Math.sqrt(shape[1]!);
    assertTrue(data.every((value) => Math.abs(value) <= bound));
    assertTrue(data.some((value) => Math.abs(value) > 0.8 * bound));
    assertTrue(data.some((value) => value < 0));
  }
  assertEquals(initAdapter(MODEL, ADAPTER, 7), tensors);
  assertTrue(
    initAdapter(MODEL, ADAPTER, 8)[0]!.data[0] !== tensors[0]!.data[0],
  );
});

Deno.test("loadAdapter() reads back what saveAdapter() wrote", async () => {
  await withFolder(async (root) => {
    const folder = `${root}/adapter`;
    const tensors = initAdapter(MODEL, ADAPTER, 1);
    await saveAdapter(folder, { config: ADAPTER, tensors });
    assertEquals(await loadAdapter(folder, MODEL), {
      config: ADAPTER,
      tensors,
    });
    assertEquals(await readAdapterConfig(folder), ADAPTER);
    assertTrue(await isAdapterFolder(folder));
    assertTrue(!await isAdapterFolder(root));
  });
});

Deno.test("saveAdapter() says with what dropout an adapter was trained, and loadAdapter() reads it", async () => {
  await withFolder(async (root) => {
    const config = { ...ADAPTER, dropout: 0.1 };
    for (const [name, saved] of Object.entries({ config, plain: ADAPTER })) {
      const folder = `${root}/${name}`;
      const tensors = initAdapter(MODEL, saved, 1);
      await saveAdapter(folder, { config: saved, tensors });
      const json = JSON.parse(
        await Deno.readTextFile(`${folder}/adapter_config.json`),
      );
      assertEquals(json.lora_dropout, saved === config ? 0.1 : 0);
      assertEquals(await loadAdapter(folder, MODEL), {
        config: saved,
        tensors,
      });
    }
  });
});

Deno.test("loadAdapter() gives layers that an adapter leaves alone factors of zeroes", async () => {
  await withFolder(async (root) => {
    const folder = `${root}/adapter`;
    await writeAdapter(folder, { layers_to_transform: [0] });
    const all = initAdapter(MODEL, ADAPTER, 1);
    await writeSafetensors(
      `${folder}/adapter_model.safetensors`,
      all.filter(({ name }) => name.includes("layers.0.")),
    );
    const { tensors } = await loadAdapter(folder, MODEL);
    assertEquals(tensors.length, all.length);
    assertEquals(tensors[0], all[0]);
    for (const { name, data } of tensors) {
      if (name.includes("layers.1.")) {
        assertTrue(data.every((value) => value === 0), name);
      }
    }
  });
});

Deno.test("loadAdapter() refuses by name what it does not support", async () => {
  const cases: readonly (readonly [JsonObject, string])[] = [
    [{ peft_type: "IA3" }, 'peft_type is only supported as "LORA"'],
    [{ use_dora: true }, "use_dora is not supported"],
    [{ bias: "lora_only" }, "bias is not supported"],
    [{ lora_bias: true }, "lora_bias is not supported"],
    [{ rank_pattern: { q_proj: 4 } }, "rank_pattern is not supported"],
    [{ alpha_pattern: { q_proj: 4 } }, "alpha_pattern is not supported"],
    [
      { modules_to_save: ["lm_head"] },
      "modules_to_save names lm_head, but",
    ],
    [{ init_lora_weights: "pissa" }, "init_lora_weights is not supported"],
    [{ of_tomorrow: 3 }, "of_tomorrow is not supported"],
    [{ r: 0 }, "r must be a positive integer"],
    [{ r: 5 }, "but rank 5 over this model asks for [5, "],
    [{ lora_dropout: 1.5 }, "lora_dropout must be a number from 0 to below 1"],
    [{ target_modules: null }, "target_modules is missing"],
    [
      { target_modules: ["q_proj"] },
      "layers.0.mlp.down_proj.lora_A.weight adapts a module that target_modules",
    ],
    [
      { exclude_modules: ["layers.1.self_attn.q_proj"] },
      "layers.1.self_attn.q_proj.lora_A.weight adapts a module that target_modules, exclude_modules",
    ],
    [{ exclude_modules: ".*q_proj" }, "q_proj.lora_A.weight adapts a module"],
    [
      { layers_to_transform: 1 },
      "layers.0.mlp.down_proj.lora_A.weight adapts a module",
    ],
    [
      { layers_to_transform: [0, 1], layers_pattern: "blocks" },
      "layers.0.mlp.down_proj.lora_A.weight adapts a module",
    ],
    [
      { target_modules: "(?<=a).*" },
      "target_modules is a pattern that is not supported: it has (?<= at character 1",
    ],
    [
      { target_modules: "all-linear", exclude_modules: ["o_proj"] },
      "exclude_modules is not supported beside all-linear",
    ],
  ];
  await withFolder(async (root) => {
    for (const [at, [fields, message]] of cases.entries()) {
      const folder = `${root}/${at}`;
      await writeAdapter(folder, fields);
      await assertRejects(
        () => loadAdapter(folder, MODEL),
        ModelError,
        message,
      );
    }
  });
});

Deno.test("loadAdapter() takes target_modules as PEFT does: ends of paths, whole paths, or a pattern", async () => {
  const layers = [0, 1].map((n) => `model.layers.${n}`);
  const cases: readonly JsonObject[] = [
    { target_modules: ["self_attn.q_proj", "mlp.down_proj"] },
    { target_modules: ".*\\.(q|down)_proj" },
    { target_modules: "all-linear" },
    { target_modules: ["q_proj", "down_proj"], layers_to_transform: [] },
    {
      // A whole path stands for itself, whatever the layers are.
      target_modules: layers.flatMap((layer) => [
        `${layer}.self_attn.q_proj`,
        `${layer}.mlp.down_proj`,
      ]),
      layers_to_transform: [7],
    },
    {
      target_modules: ["q_proj", "k_proj", "down_proj"],
      exclude_modules: ".*\\.k_proj",
      layers_to_transform: [0, 1],
      layers_pattern: ["layers"],
    },
  ];
  await withFolder(async (root) => {
    for (const [at, fields] of cases.entries()) {
      await writeAdapter(`${root}/${at}`, fields);
      const { config } = await loadAdapter(`${root}/${at}`, MODEL);
      assertEquals(config.targets, ADAPTER.targets);
    }
  });
});

Deno.test("loadAdapter() refuses an adapter that lacks a factor which its config asks for", async () => {
  await withFolder(async (root) => {
    const all = initAdapter(MODEL, ADAPTER, 1);
    for (const lost of ["layers.1.self_attn.q_proj.lora_B", "layers.0.mlp"]) {
      const folder = `${root}/${lost}`;
      await writeAdapter(folder);
      await writeSafetensors(
        `${folder}/adapter_model.safetensors`,
        all.filter(({ name }) => !name.includes(lost)),
      );
      await assertRejects(
        () => loadAdapter(folder, MODEL),
        ModelError,
        "is missing, although adapter_config.json says that model.layers.",
      );
    }
  });
});

Deno.test("loadAdapter() says which file is wrong, and how", async () => {
  await withFolder(async (root) => {
    await assertRejects(
      () => loadAdapter(root, MODEL),
      ModelError,
      "adapter_config.json is missing",
    );
    const folder = `${root}/adapter`;
    await writeAdapter(folder);
    const weights = `${folder}/adapter_model.safetensors`;
    const strange = { name: "lm_head.lora_A.weight", shape: [1] };
    await writeSafetensors(weights, [
      ...initAdapter(MODEL, ADAPTER, 1),
      { ...strange, data: new Float32Array(1) },
    ]);
    await assertRejects(
      () => loadAdapter(folder, MODEL),
      ModelError,
      '"lm_head.lora_A.weight" is no LoRA factor',
    );
    await writeSafetensors(
      weights,
      initAdapter({ ...MODEL, layers: 3 }, ADAPTER, 1),
    );
    await assertRejects(
      () => loadAdapter(folder, MODEL),
      ModelError,
      "layers.2.mlp.down_proj.lora_A.weight has no place in this model",
    );
    await Deno.rename(weights, `${folder}/adapter_model.bin`);
    await assertRejects(
      () => loadAdapter(folder, MODEL),
      ModelError,
      "only pickled weights",
    );
  });
});
