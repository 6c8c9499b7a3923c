import {
  hermesToolFormat,
  loadChatTemplate,
  loadModelFolder,
  loadTokenizer,
  saveModelFolder,
} from "../../src/model/mod.ts";
import { ModelError } from "../../src/errors.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import {
  TINY_CONFIG,
  TINY_FILES,
  tinyTensors,
  writeTinyModel,
} from "./_tiny_model.ts";

Deno.test("loadModelFolder() opens a Hugging Face folder", async () => {
  await withFolder(async (folder) => {
    await writeTinyModel(folder);
    const model = await loadModelFolder(folder);
    assertEquals(model.config.layers, 2);
    assertEquals(model.toolFormat, hermesToolFormat);
    const end = model.tokenizer.specialTokens.get("<|im_end|>")!;
    assertEquals(model.eosIds, [3, 5, end]);
    assertEquals(
      model.template!.render([{ role: "user", content: "Hi" }]),
      "Hi<|im_end|><tool_call>",
    );
    for (const { name, data } of tinyTensors()) {
      assertEquals(await model.tensors.read(name), data);
    }
  });
});

Deno.test("loadModelFolder() opens a model without a chat template, and one in shards", async () => {
  await withFolder(async (folder) => {
    const tensors = tinyTensors();
    await writeTinyModel(folder, {
      files: { "tokenizer_config.json": undefined },
    });
    await Deno.rename(
      `${folder}/model.safetensors`,
      `${folder}/model-00001-of-00001.safetensors`,
    );
    await Deno.writeTextFile(
      `${folder}/model.safetensors.index.json`,
      JSON.stringify({
        weight_map: Object.fromEntries(
          tensors.map(({ name }) => [name, "model-00001-of-00001.safetensors"]),
        ),
      }),
    );
    const model = await loadModelFolder(folder);
    assertEquals(model.template, undefined);
    assertEquals(model.toolFormat, undefined);
    assertEquals(model.tensors.tensors.size, tensors.length);
    await assertRejects(
      () => loadChatTemplate(folder),
      ModelError,
      "has no chat template",
    );
  });
});

Deno.test("loadModelFolder() says which file is wrong, and how", async () => {
  const tokenizer = TINY_FILES["tokenizer.json"] as { added_tokens: unknown[] };
  const stranger = { content: "<stranger>", id: 512, special: true };
  const row = "but vocab_size in config.json is 512";
  const cases: [Record<string, unknown>, string][] = [
    [{ "config.json": undefined }, "config.json is missing"],
    [{ "config.json": "{" }, "config.json is not valid JSON"],
    [{ "config.json": [] }, "config.json must hold a JSON object"],
    [{ "tokenizer.json": undefined }, "tokenizer.json is missing"],
    [{ "generation_config.json": { eos_token_id: "x" } }, "eos_token_id"],
    [{ "chat_template.jinja": "{% if %}" }, "chat_template.jinja cannot"],
    [
      { "config.json": { ...TINY_CONFIG, vocab_size: 100 } },
      "/tokenizer.json: model.vocab has the token id 100",
    ],
    [
      {
        "tokenizer.json": {
          ...tokenizer,
          added_tokens: [...tokenizer.added_tokens, stranger],
        },
      },
      `/tokenizer.json: added_tokens has the token id 512 of "<stranger>", ${row}`,
    ],
    [
      { "tokenizer_config.json": { added_tokens_decoder: { 600: stranger } } },
      `/tokenizer_config.json: added_tokens_decoder has the token id 600 of "<stranger>", ${row}`,
    ],
    [
      { "generation_config.json": { eos_token_id: [3, 512] } },
      `/generation_config.json: eos_token_id has the token id 512, ${row}`,
    ],
    [
      { "config.json": { ...TINY_CONFIG, eos_token_id: 900 } },
      `/config.json: eos_token_id has the token id 900, ${row}`,
    ],
  ];
  await withFolder(async (root) => {
    for (const [i, [files, message]] of cases.entries()) {
      const folder = `${root}/${i}`;
      await writeTinyModel(folder, { files });
      await assertRejects(() => loadModelFolder(folder), ModelError, message);
    }
  });
});

Deno.test("loadModelFolder() refuses weights that do not fit config.json", async () => {
  const tensors = tinyTensors();
  const first = tensors[0]!;
  const cases = [
    { given: [], message: "model.safetensors is missing" },
    { given: tensors.slice(1), message: `lack tensor ${first.name}` },
    {
      given: [
        { ...first, shape: first.shape.toReversed() },
        ...tensors.slice(1),
      ],
      message: "has shape [48, 512], config.json asks for [512, 48]",
    },
    {
      given: [...tensors, { ...tensors[1]!, name: "model.extra" }],
      message: '"model.extra" has no place',
    },
  ];
  await withFolder(async (root) => {
    for (const [i, { given, message }] of cases.entries()) {
      const folder = `${root}/${i}`;
      await writeTinyModel(folder, { tensors: given });
      await assertRejects(() => loadModelFolder(folder), ModelError, message);
    }
    const pickled = `${root}/pickled`;
    await writeTinyModel(pickled, {
      files: { "pytorch_model.bin": "" },
      tensors: [],
    });
    await assertRejects(() => loadModelFolder(pickled), ModelError, "pickled");
    const whole = `${root}/whole`;
    await writeTinyModel(whole);
    const weights = `${whole}/model.safetensors`;
    const bytes = await Deno.readFile(weights);
    const size = new DataView(bytes.buffer).getBigUint64(0, true);
    const header = bytes.subarray(8, 8 + Number(size));
    const at = new TextDecoder().decode(header).lastIndexOf('"F32"');
    header.set(new TextEncoder().encode('"I32"'), at);
    await Deno.writeFile(weights, bytes);
    await assertRejects(
      () => loadModelFolder(whole),
      ModelError,
      "is of type I32; only F32, F16 and BF16 are supported",
    );
    const tied = `${root}/tied`;
    const head = { ...first, name: "lm_head.weight" };
    await writeTinyModel(tied, { tensors: [...tensors, head] });
    await loadModelFolder(tied);
  });
});

Deno.test("loadTokenizer() takes a token that only tokenizer_config.json has", async () => {
  await withFolder(async (folder) => {
    const id = 490;
    await writeTinyModel(folder, {
      files: {
        "tokenizer_config.json": {
          eos_token: "<|eot|>",
          added_tokens_decoder: {
            [id]: { content: "<|eot|>", special: true, normalized: false },
          },
        },
        "generation_config.json": undefined,
      },
    });
    const tokenizer = await loadTokenizer(folder);
    assertEquals(tokenizer.encode("a<|eot|>").at(-1), id);
    assertEquals(tokenizer.eosIds, [id]);
  });
});

Deno.test("loadChatTemplate() takes tool_use where there are tools, from either place, and saveModelFolder() keeps it", async () => {
  await withFolder(async (root) => {
    const several = [
      { name: "tool_use", template: "<tool_call> {{ tools | length }}" },
      { name: "default", template: "plain" },
    ];
    const inConfig = { "tokenizer_config.json": { chat_template: several } };
    await writeTinyModel(`${root}/config`, { files: inConfig });
    await writeTinyModel(`${root}/files`, {
      files: { "tokenizer_config.json": {}, "chat_template.jinja": "plain" },
    });
    await Deno.mkdir(`${root}/files/additional_chat_templates`);
    await Deno.writeTextFile(
      `${root}/files/additional_chat_templates/tool_use.jinja`,
      several[0]!.template,
    );
    await saveModelFolder(`${root}/saved`, {
      source: `${root}/files`,
      tensors: tinyTensors(),
    });
    for (const name of ["config", "files", "saved"]) {
      const { template, toolFormat } = await loadModelFolder(`${root}/${name}`);
      assertEquals(template!.render([]), "plain", name);
      assertEquals(
        template!.render([], { tools: [{}] }),
        "<tool_call> 1",
        name,
      );
      assertEquals(toolFormat, hermesToolFormat, name);
    }
  });
});

Deno.test("loadChatTemplate() refuses several templates of which none is the default", async () => {
  await withFolder(async (folder) => {
    for (const wrong of [[{ name: "rag", template: "" }], {}, [3], 7]) {
      await writeTinyModel(folder, {
        files: { "tokenizer_config.json": { chat_template: wrong } },
      });
      await assertRejects(
        () => loadChatTemplate(folder),
        ModelError,
        "tokenizer_config.json must be a text, or a list with a template named default",
      );
    }
  });
});

Deno.test("loadChatTemplate() prefers chat_template.jinja, and of several the default", async () => {
  await withFolder(async (folder) => {
    const several = [
      { name: "rag", template: "rag" },
      { name: "default", template: "default" },
    ];
    await writeTinyModel(folder, {
      files: {
        "tokenizer_config.json": { chat_template: several },
      },
    });
    assertEquals((await loadChatTemplate(folder)).text, "default");
    await Deno.writeTextFile(`${folder}/chat_template.jinja`, "file");
    assertEquals((await loadChatTemplate(folder)).text, "file");
  });
});

Deno.test("saveModelFolder() writes a folder that opens with the same contents", async () => {
  await withFolder(async (root) => {
    await writeTinyModel(`${root}/source`, {
      files: {
        "config.json": { ...TINY_CONFIG, dtype: "bfloat16" },
        "chat_template.jinja": "{{ messages }}",
        "unrelated.txt": "stays behind",
      },
    });
    const target = `${root}/run/checkpoint`;
    await saveModelFolder(target, {
      source: `${root}/source`,
      tensors: tinyTensors(),
      dtype: "F16",
      extra: (folder) => Deno.writeTextFile(`${folder}/trainer.json`, "{}"),
    });
    const model = await loadModelFolder(target);
    assertEquals(model.template!.text, "{{ messages }}");
    for (const { name, data } of tinyTensors()) {
      assertEquals(model.tensors.tensors.get(name)!.dtype, "F16");
      assertEquals(await model.tensors.read(name), data);
    }
    const config = JSON.parse(await Deno.readTextFile(`${target}/config.json`));
    assertEquals(config, { ...TINY_CONFIG, dtype: "float16" });
    assertEquals(await namesIn(`${root}/run`), ["checkpoint"]);
    assertEquals(await namesIn(target), [
      "chat_template.jinja",
      "config.json",
      "generation_config.json",
      "model.safetensors",
      "tokenizer.json",
      "tokenizer_config.json",
      "trainer.json",
    ]);
  });
});

Deno.test("saveModelFolder() replaces a folder whole, or leaves it as it was", async () => {
  await withFolder(async (root) => {
    const [source, target] = [`${root}/source`, `${root}/target`];
    await writeTinyModel(source);
    await writeTinyModel(target, { files: { "old.txt": "old" } });
    const tensors = tinyTensors();
    const broken = [{ ...tensors[0]!, data: tensors[0]!.data.map(() => NaN) }];
    await assertRejects(
      () => saveModelFolder(target, { source, tensors: broken }),
      ModelError,
      "NaN",
    );
    assertTrue((await namesIn(target)).includes("old.txt"));
    // What a killed run left behind does not end up in the next folder.
    await Deno.mkdir(`${target}.partial`);
    await Deno.writeTextFile(`${target}.partial/stale.txt`, "");
    await saveModelFolder(`${target}/`, { source, tensors });
    assertEquals(
      await namesIn(target),
      [
        ...Object.keys(TINY_FILES),
        "model.safetensors",
      ].sort(),
    );
    assertEquals(await namesIn(root), ["source", "target"]);
  });
});

async function namesIn(folder: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(folder));
  return entries.map(({ name }) => name).sort();
}
