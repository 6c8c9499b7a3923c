import { ModelError } from "../../src/errors.ts";
import {
  ADAPTER_MODULES,
  type AdapterConfig,
  adapterConfigJson,
  adapterShapes,
  type HostTensor,
  initAdapter,
  type JsonObject,
  loadAdapter,
  moduleTensors,
  parseModelConfig,
  readAdapterConfig,
  readSafetensors,
  resolveModules,
  saveAdapter,
  writeSafetensors,
} from "../../src/model/mod.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { TINY_CONFIG, tinyTensors } from "./_tiny_model.ts";

/** A tied Qwen3 of two layers. */
const TIED = parseModelConfig({ ...TINY_CONFIG, tie_word_embeddings: true });
const UNTIED = { ...TIED, tieEmbeddings: false };
const NO_HEAD_NORMS = { ...UNTIED, qkNorm: false };
const FACTORS = {
  rank: 2,
  alpha: 6,
  rslora: false,
  targets: ["q_proj"],
} as const;
const PEFT = "base_model.model.";

/** An adapter over the tied model, whose modules have moved away from the model's. */
function adapterOf(config: AdapterConfig): readonly HostTensor[] {
  const weights = tinyTensors().filter(({ name }) => name !== "lm_head.weight");
  return [
    ...initAdapter(TIED, config, 1),
    ...moduleTensors(weights, config).map((tensor, n) => ({
      ...tensor,
      data: tensor.data.map((value) => value + n / 8),
    })),
  ];
}

Deno.test("resolveModules() finds modules by the ends of their paths, as PEFT does", () => {
  const norms = ["input_layernorm", "post_attention_layernorm"] as const;
  const headNorms = ["q_norm", "k_norm"] as const;
  assertEquals(resolveModules(UNTIED, []), {});
  assertEquals(resolveModules(UNTIED, ["norm"]), {
    modules: [...norms, ...headNorms, "model.norm"],
  });
  assertEquals(resolveModules(NO_HEAD_NORMS, ["norm"]), {
    modules: [...norms, "model.norm"],
  });
  assertEquals(resolveModules(UNTIED, ["model.norm", "k_norm"]), {
    modules: ["k_norm", "model.norm"],
  });
  assertEquals(resolveModules(UNTIED, ["lm_head"]), { modules: ["lm_head"] });
  assertThrows(
    () => resolveModules(NO_HEAD_NORMS, ["norm", "q_norm"]),
    ModelError,
    "no module q_norm, which train.lora.modules_to_save names; it has embed_tokens, input_layernorm, ",
  );
});

Deno.test("resolveModules() keeps embedding and head of a tied model one table", () => {
  const both: ReturnType<typeof resolveModules> = {
    modules: ["embed_tokens", "lm_head"],
    tied: true,
  };
  assertEquals(resolveModules(TIED, ["embed_tokens"]), both);
  assertEquals(resolveModules(TIED, ["lm_head"]), both);
  assertEquals(resolveModules(TIED, ["model.norm"]), {
    modules: ["model.norm"],
  });
});

Deno.test("adapterShapes() has a tied table once, and a head that parts from it", () => {
  const whole = (config: Pick<AdapterConfig, "modules" | "tied">) =>
    [...adapterShapes(TIED, { ...FACTORS, ...config }).keys()]
      .filter((name) => !name.includes("lora_"))
      .map((name) => name.replace(PEFT, ""));
  const table = "model.embed_tokens.weight";
  assertEquals(whole({ modules: ["embed_tokens", "lm_head"], tied: true }), [
    table,
  ]);
  assertEquals(whole({ modules: ["embed_tokens", "lm_head"] }), [
    table,
    "lm_head.weight",
  ]);
  assertEquals(whole({ modules: ["lm_head"] }), ["lm_head.weight"]);
});

Deno.test("moduleTensors() are the model's own numbers under PEFT's names; a head that parts begins as the embedding", () => {
  const weights = tinyTensors().filter(({ name }) => name !== "lm_head.weight");
  const [embedding] = weights;
  const parted = moduleTensors(weights, { modules: ["lm_head"] });
  assertEquals(parted.map(({ name }) => name), [`${PEFT}lm_head.weight`]);
  assertEquals(parted[0]!.data, embedding!.data);
  const tied = moduleTensors(weights, {
    modules: ["embed_tokens", "lm_head"],
    tied: true,
  });
  assertEquals(tied.map(({ name }) => name), [`${PEFT}${embedding!.name}`]);
});

for (
  const [name, modules] of Object.entries(
    {
      "one table and every norm": { modules: ADAPTER_MODULES, tied: true },
      "two tables": { modules: ["embed_tokens", "lm_head"] },
      "an embedding alone": { modules: ["embed_tokens", "q_norm"] },
    } satisfies Record<string, Pick<AdapterConfig, "modules" | "tied">>,
  )
) {
  Deno.test(`loadAdapter() reads back the modules that saveAdapter() wrote (${name})`, async () => {
    await withFolder(async (root) => {
      const folder = `${root}/adapter`;
      const config: AdapterConfig = { ...FACTORS, ...modules };
      const tensors = adapterOf(config);
      await saveAdapter(folder, { config, tensors });
      assertEquals(await loadAdapter(folder, TIED), { config, tensors });
      assertEquals(await readAdapterConfig(folder), config);
      const json = JSON.parse(
        await Deno.readTextFile(`${folder}/adapter_config.json`),
      );
      assertEquals(json.modules_to_save, config.modules);
      assertEquals(json.ensure_weight_tying, config.tied);
      // PEFT writes a tied table under both names.
      const { tensors: saved } = await readSafetensors(
        `${folder}/adapter_model.safetensors`,
      );
      assertEquals(saved.size, tensors.length + (config.tied ? 1 : 0));
    });
  });
}

Deno.test("loadAdapter() drops the tying of tables over a model that has two", async () => {
  await withFolder(async (root) => {
    const folder = `${root}/adapter`;
    const { modules } = resolveModules(UNTIED, ["embed_tokens"]);
    const config: AdapterConfig = { ...FACTORS, modules: modules! };
    const tensors = adapterOf(config);
    await saveAdapter(folder, { config, tensors });
    await rewrite(folder, { ...config, tied: true }, {});
    assertEquals(await loadAdapter(folder, UNTIED), { config, tensors });
  });
});

async function rewrite(
  folder: string,
  config: AdapterConfig,
  fields: JsonObject,
): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/adapter_config.json`,
    JSON.stringify({ ...adapterConfigJson(config), ...fields }),
  );
}

Deno.test("loadAdapter() says what is wrong with an adapter's modules", async () => {
  const config: AdapterConfig = {
    ...FACTORS,
    modules: ["embed_tokens", "q_norm"],
  };
  const all = adapterOf(config);
  const tied: AdapterConfig = {
    ...FACTORS,
    ...resolveModules(TIED, ["lm_head"]),
  };
  const table = adapterOf(tied).at(-1)!;
  const cases: readonly {
    readonly config?: AdapterConfig;
    readonly fields?: JsonObject;
    readonly tensors: readonly HostTensor[];
    readonly message: string;
  }[] = [
    {
      tensors: all.filter(({ name }) =>
        !name.includes("layers.1.self_attn.q_norm")
      ),
      message:
        "layers.1.self_attn.q_norm.weight is missing; a module is held whole in every layer",
    },
    {
      fields: { modules_to_save: ["embed_tokens"] },
      tensors: all,
      message: "q_norm.weight holds a module whole that modules_to_save",
    },
    {
      fields: { modules_to_save: ["embed_tokens", "q_norm", "lm_head"] },
      tensors: all,
      message: "modules_to_save names lm_head, but",
    },
    {
      fields: { modules_to_save: "embed_tokens" },
      tensors: all,
      message: "modules_to_save must be a list of texts",
    },
    {
      tensors: [...all, {
        name: `${PEFT}model.layers.0.mlp.down_proj.weight`,
        shape: [1],
        data: new Float32Array(1),
      }],
      message: "no module that can be held whole; adapted can be q_proj",
    },
    {
      tensors: all.map((tensor) => ({
        ...tensor,
        ...(tensor.name.includes("embed") &&
          { shape: [1], data: new Float32Array(1) }),
      })),
      message: "embed_tokens.weight has shape [1]",
    },
    {
      config: tied,
      tensors: [...adapterOf(tied), {
        ...table,
        name: `${PEFT}lm_head.weight`,
        data: table.data.map((value) => value + 1),
      }],
      message: "embedding and head differ, although ensure_weight_tying",
    },
  ];
  await withFolder(async (root) => {
    for (const [at, { tensors, message, ...written }] of cases.entries()) {
      const folder = `${root}/${at}`;
      await Deno.mkdir(folder);
      await writeSafetensors(`${folder}/adapter_model.safetensors`, tensors);
      await rewrite(folder, written.config ?? config, written.fields ?? {});
      await assertRejects(
        () => loadAdapter(folder, TIED),
        ModelError,
        message,
      );
    }
  });
});
