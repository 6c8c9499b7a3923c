import { join } from "node:path";
import {
  type AdapterConfig,
  initAdapter,
  readModelConfig,
  saveAdapter,
} from "../../src/model/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import {
  assertClose,
  complete,
  type Contract,
  errorOf,
  type Json,
  post,
  request,
  type Server,
  stream,
} from "./_client.ts";

/** Shape of the adapters that the servers are asked to serve. */
export const ADAPTER: AdapterConfig = {
  rank: 4,
  alpha: 8,
  rslora: false,
  targets: ["q_proj", "v_proj", "down_proj"],
};

const MESSAGES = [{ role: "user", content: "12 + 34" }];

/** Saves an adapter that changes what the model says. */
async function writeAdapter(folder: string, model: string): Promise<void> {
  const shapes = await readModelConfig(model);
  const tensors = initAdapter(shapes, ADAPTER, 1).map((tensor, at) => ({
    ...tensor,
    data: tensor.data.map((value, i) =>
      tensor.name.includes("lora_B") ? Math.sin(at + i) / 4 : value
    ),
  }));
  await saveAdapter(folder, { config: { ...ADAPTER, base: model }, tensors });
}

/** Loads two adapters, one of them the same as the model, and unloads them when the check is done. */
async function withAdapters(
  server: Server,
  check: (names: { readonly other: string; readonly same: string }) => Promise<
    void
  >,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const id = crypto.randomUUID().slice(0, 8);
  const names = { other: `other-${id}`, same: `same-${id}` };
  try {
    await writeAdapter(join(folder, names.other), server.folder);
    const shapes = await readModelConfig(server.folder);
    await saveAdapter(join(folder, names.same), {
      config: { ...ADAPTER, base: server.folder },
      tensors: initAdapter(shapes, ADAPTER, 1),
    });
    for (const name of Object.values(names)) {
      const loaded = await loadAdapter(server, name, join(folder, name));
      const text = await loaded.text();
      assertEquals([loaded.status, text], [
        200,
        `Success: LoRA adapter '${name}' added successfully.`,
      ]);
    }
    await check(names);
    for (const name of Object.values(names)) {
      const path = "/v1/unload_lora_adapter";
      const got = await request(server.url, path, { lora_name: name });
      await got.body?.cancel();
      assertEquals(got.status, 200);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function loadAdapter(
  { url }: Server,
  name: string,
  folder: string,
): Promise<Response> {
  const body = { lora_name: name, lora_path: folder };
  return request(url, "/v1/load_lora_adapter", body);
}

async function models({ url }: Server): Promise<Json[]> {
  return (await (await fetch(`${url}/v1/models`)).json()).data;
}

/** Logprobs of all tokens but the first under what is served as `model`. */
async function scores(
  server: Server,
  model: string,
  prompt: readonly number[],
): Promise<number[]> {
  const asked = { model, prompt, max_tokens: 1, prompt_logprobs: 0 };
  const { choices } = await complete(server, asked);
  return choices[0].prompt_logprobs.slice(1).map((entry: Json, at: number) =>
    entry[prompt[at + 1]!].logprob
  );
}

/** What clients may expect of a server that serves adapters. */
export const ADAPTER_CONTRACT: readonly Contract[] = [
  {
    name: "has the routes of adapters, for POST",
    async check(server) {
      for (const path of ["/v1/load_lora_adapter", "/v1/unload_lora_adapter"]) {
        const got = await fetch(`${server.url}${path}`);
        await got.body?.cancel();
        assertEquals(got.status, 405);
      }
      const [status, message] = await errorOf(server, "/v1/load_lora_adapter", {
        lora_name: "nobody",
        lora_path: "/nowhere",
      });
      assertTrue(status === 400 || status === 404, `status ${status}`);
      assertEquals(message, "string");
    },
  },
  {
    name:
      "lists a loaded adapter with its folder and its parent, until it is unloaded",
    async check(server) {
      const before = await models(server);
      let folder = "";
      await withAdapters(server, async ({ other }) => {
        const listed = (await models(server)).find(({ id }) => id === other);
        assertEquals([listed.object, listed.parent], ["model", server.model]);
        folder = listed.root;
        assertTrue(folder.endsWith(other), folder);
        const again = await loadAdapter(server, other, folder);
        const { error } = await again.json();
        assertEquals([again.status, typeof error.message], [400, "string"]);
      });
      assertEquals((await models(server)).length, before.length);
    },
  },
  {
    name:
      "samples from the adapter that a request names, completions and chats, streamed or not",
    async check(server) {
      await withAdapters(server, async ({ other, same }) => {
        const body = {
          messages: MESSAGES,
          max_tokens: 10,
          temperature: 1,
          seed: 5,
          logprobs: true,
          top_logprobs: 0,
          return_token_ids: true,
        };
        const path = "/v1/chat/completions";
        const chat = await post(server, path, { ...body, model: other });
        assertEquals(chat.model, other);
        const [{ token_ids: ids, logprobs }] = chat.choices;
        const sequence = [...chat.prompt_token_ids, ...ids];
        const [own, base, unchanged] = [
          await scores(server, other, sequence),
          await scores(server, server.model, sequence),
          await scores(server, same, sequence),
        ];
        const sampled = (all: readonly number[]) => all.slice(-ids.length);
        assertClose(
          logprobs.content.map(({ logprob }: Json) => logprob),
          sampled(own),
        );
        assertClose(base, unchanged);
        const furthest = Math.max(
          ...own.map((logprob, at) => Math.abs(logprob - base[at]!)),
        );
        assertTrue(furthest > 0.1, `${furthest} nats apart`);

        const events = await stream(server, path, { ...body, model: other });
        assertTrue(events.every(({ model }) => model === other));
        assertEquals(
          events.flatMap(({ choices }) => choices[0]?.token_ids ?? []),
          ids,
        );
        const prompt = chat.prompt_token_ids;
        const completed = await complete(server, { model: other, prompt });
        assertEquals(completed.model, other);
        const { token_ids, logprobs: given } = completed.choices[0];
        assertClose(
          given.token_logprobs,
          (await scores(server, other, [...prompt, ...token_ids]))
            .slice(-token_ids.length),
        );
      });
    },
  },
  {
    name: "answers requests for several adapters at once, each from its own",
    async check(server) {
      await withAdapters(server, async ({ other, same }) => {
        const ask = async (model: string) =>
          (await post(server, "/v1/chat/completions", {
            model,
            messages: MESSAGES,
            max_tokens: 8,
            temperature: 1,
            seed: 3,
            return_token_ids: true,
          })).choices[0].token_ids;
        const names = [other, same, server.model, other, same, server.model];
        const alone = new Map<string, number[]>();
        for (const name of names) alone.set(name, await ask(name));
        const together = await Promise.all(names.map(ask));
        assertEquals(together, names.map((name) => alone.get(name)));
        assertEquals(alone.get(same), alone.get(server.model));
      });
    },
  },
  {
    name: "does not know an adapter that was unloaded, or never loaded",
    async check(server) {
      let gone = "";
      await withAdapters(server, ({ other }) => {
        gone = other;
        return Promise.resolve();
      });
      for (const model of [gone, "nobody"]) {
        const chat = { model, messages: MESSAGES };
        assertEquals(await errorOf(server, "/v1/chat/completions", chat), [
          404,
          "string",
        ]);
        const unload = { lora_name: model };
        assertEquals(await errorOf(server, "/v1/unload_lora_adapter", unload), [
          404,
          "string",
        ]);
      }
    },
  },
];
