import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadServeConfig } from "../../src/config/mod.ts";
import { serve, type Server } from "../../src/launcher/mod.ts";
import {
  type AdapterConfig,
  initAdapter,
  readModelConfig,
  saveAdapter,
} from "../../src/model/mod.ts";
import { assertAlmostEquals, assertEquals, assertMatch } from "../assert.ts";

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);

/** Saves an adapter that changes what the model says. */
async function writeAdapter(
  folder: string,
  config: AdapterConfig,
): Promise<string> {
  const model = await readModelConfig(MODEL);
  const tensors = initAdapter(model, config, 1).map(({ data, ...tensor }) => ({
    ...tensor,
    data: data.map((value, at) =>
      tensor.name.includes("lora_B") ? Math.sin(at) / 4 : value
    ),
  }));
  await saveAdapter(folder, { config, tensors });
  return folder;
}

async function serveWith(...set: readonly string[]): Promise<Server> {
  const common = [`model.path=${MODEL}`, "engine.max_batch=4"];
  const config = await loadServeConfig({ set: [...common, ...set] });
  return await serve(config, { port: 0 });
}

async function post(
  { url }: Server,
  path: string,
  body: Readonly<Record<string, unknown>>,
): Promise<[status: number, text: string]> {
  const response = await fetch(`${url}/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return [response.status, await response.text()];
}

/** The likeliest tokens after a prompt, and how likely they are. */
async function likeliest(server: Server, model: string) {
  const asked = {
    model,
    prompt: [5, 6, 7],
    max_tokens: 8,
    temperature: 0,
    logprobs: 0,
    return_token_ids: true,
  };
  const [status, text] = await post(server, "completions", asked);
  assertEquals(status, 200, text);
  const [{ token_ids, logprobs }] = JSON.parse(text).choices;
  return { ids: token_ids as number[], logprobs: logprobs.token_logprobs };
}

Deno.test("serve() serves an adapter that is smaller than its room as that adapter, and refuses a larger one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const small: AdapterConfig = {
      rank: 2,
      alpha: 6,
      rslora: false,
      targets: ["q_proj", "down_proj"],
    };
    const adapter = await writeAdapter(join(folder, "small"), small);
    await using alone = await serveWith(`model.adapter=${adapter}`);
    const expected = await likeliest(alone, alone.model);

    await using room = await serveWith(
      "train.method=lora",
      "train.lora.rank=5",
      "train.lora.alpha=4",
      "train.lora.targets=[q_proj,v_proj,down_proj]",
    );
    const loading = { lora_name: "small", lora_path: adapter };
    assertEquals((await post(room, "load_lora_adapter", loading))[0], 200);
    const found = await likeliest(room, "small");
    assertEquals(found.ids, expected.ids);
    found.logprobs.forEach((logprob: number, at: number) =>
      assertAlmostEquals(logprob, expected.logprobs[at], 1e-4)
    );
    const own = await likeliest(room, room.model);
    assertEquals(own.ids.join() === expected.ids.join(), false);

    const large = await writeAdapter(join(folder, "large"), {
      ...small,
      rank: 6,
    });
    const [status, message] = await post(room, "load_lora_adapter", {
      lora_name: "large",
      lora_path: large,
    });
    assertEquals(status, 400);
    assertMatch(message, "this server has rank 5");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
