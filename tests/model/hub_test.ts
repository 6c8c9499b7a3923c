import { join } from "node:path";
import { ModelError } from "../../src/errors.ts";
import {
  type DownloadProgress,
  hubIdOf,
  hubSettings,
  isHubId,
  resolveModel,
  type ResolveModelOptions,
} from "../../src/model/hub/mod.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { withFolder } from "../with_folder.ts";
import { Hub, type HubOptions } from "./_hub.ts";

const ID = "owner/tiny-model";
const COMMIT = "0123456789abcdef0123456789abcdef01234567";
const WEIGHTS = Uint8Array.from({ length: 10_000 }, (_, at) => at * 7);
const MODEL: HubOptions = {
  id: ID,
  commit: COMMIT,
  files: {
    "README.md": { bytes: new TextEncoder().encode("# Tiny") },
    "config.json": { bytes: new TextEncoder().encode("{}\n") },
    "consolidated.safetensors": { bytes: WEIGHTS, large: true },
    "model.safetensors": { bytes: WEIGHTS, large: true },
    "onnx/model.onnx": { bytes: WEIGHTS, large: true },
  },
};

/** Resolves the model against a stand-in, with its cache in `cache`. */
function resolve(
  hub: Hub,
  cache: string,
  options: ResolveModelOptions & { readonly token?: string } = {},
) {
  const { token, ...rest } = options;
  const { endpoint } = hub;
  const settings = { endpoint, cache, token, offline: false };
  return resolveModel(ID, { settings, retryDelay: 1, ...rest });
}

Deno.test("resolveModel() fills the cache as huggingface_hub lays it out, and asks no more for what is there", async () => {
  await withFolder(async (cache) => {
    await using hub = new Hub(MODEL);
    const progress: DownloadProgress[] = [];
    const { folder, commit } = await resolve(hub, cache, {
      onProgress: (at) => progress.push(at),
    });
    const root = join(cache, "models--owner--tiny-model");
    assertEquals(folder, join(root, "snapshots", COMMIT));
    assertEquals(commit, COMMIT);
    assertEquals(hubIdOf(folder), ID);
    assertEquals(
      [...Deno.readDirSync(folder)].map(({ name }) => name).sort(),
      ["config.json", "model.safetensors"],
    );
    assertEquals(
      await Deno.readFile(join(folder, "model.safetensors")),
      WEIGHTS,
    );
    assertEquals(await Deno.readTextFile(join(root, "refs", "main")), COMMIT);
    const blob = await Deno.readLink(join(folder, "model.safetensors"));
    assertTrue(/^\.\.\/\.\.\/blobs\/[0-9a-f]{64}$/.test(blob), blob);
    assertEquals(progress.at(-1), { id: ID, done: 10_003, total: 10_003 });

    const asked = hub.requests.length;
    await resolve(hub, cache);
    assertEquals(hub.requests.length, asked + 1);
  });
});

Deno.test("resolveModel() goes on where a broken connection ended, in this program and in the next", async () => {
  await withFolder(async (cache) => {
    await using hub = new Hub({ ...MODEL, cuts: [4000, 0, 3000] });
    const { folder } = await resolve(hub, cache);
    assertEquals(
      await Deno.readFile(join(folder, "model.safetensors")),
      WEIGHTS,
    );
    const ranges = hub.requests.map(({ range }) => range).filter(Boolean);
    assertEquals([...new Set(ranges)], ["bytes=4000-", "bytes=7000-"]);
  });
  await withFolder(async (cache) => {
    await using hub = new Hub({ ...MODEL, cuts: [4000, 0, 0, 0, 0] });
    await assertRejects(() => resolve(hub, cache), ModelError, "broke off");
    hub.requests.length = 0;
    await resolve(hub, cache);
    const [range] = hub.requests.map(({ range }) => range).filter(Boolean);
    assertEquals(range, "bytes=4000-");
  });
});

Deno.test("resolveModel() asks again where the Hub is busy, and gives up in the end", async () => {
  await withFolder(async (cache) => {
    await using hub = new Hub({ ...MODEL, refusals: [503, 429, 500] });
    const { folder } = await resolve(hub, cache);
    assertEquals(
      await Deno.readFile(join(folder, "model.safetensors")),
      WEIGHTS,
    );
  });
  await withFolder(async (cache) => {
    await using hub = new Hub({ ...MODEL, refusals: Array(5).fill(503) });
    await assertRejects(
      () => resolve(hub, cache),
      ModelError,
      "The Hub answered 503 for",
    );
    await using shut = new Hub({ ...MODEL, refusals: [403] });
    await assertRejects(() => resolve(shut, cache), ModelError, "is gated");
  });
});

Deno.test("resolveModel() waits no longer than its patience for a server that has fallen silent", async () => {
  await withFolder(async (cache) => {
    const options = { ...MODEL, cuts: [4000], stalls: true };
    await using hub = new Hub(options);
    const { folder } = await resolve(hub, cache, { patience: 200 });
    assertEquals(
      await Deno.readFile(join(folder, "model.safetensors")),
      WEIGHTS,
    );
    const { promise, resolve: answer } = Promise.withResolvers<Response>();
    await using silent = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {} },
      () => promise,
    );
    const endpoint = `http://127.0.0.1:${silent.addr.port}`;
    const settings = { endpoint, cache, offline: false };
    await assertRejects(
      () => resolveModel("owner/other", { settings, patience: 50 }),
      ModelError,
      "it does not answer",
    );
    answer(new Response());
  });
});

Deno.test("resolveModel() takes nothing from a cache that lacks weights, as other programs leave it", async () => {
  await withFolder(async (cache) => {
    const root = join(cache, "models--owner--tiny-model");
    const folder = join(root, "snapshots", COMMIT);
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeTextFile(join(folder, "config.json"), "{}\n");
    const settings = { endpoint: "http://127.0.0.1:9", cache, offline: true };
    const offline = () => resolveModel(ID, { settings, revision: COMMIT });
    await assertRejects(offline, ModelError, "or not all of it");
    const index = { weight_map: { a: "model-00001-of-00002.safetensors" } };
    await Deno.writeTextFile(
      join(folder, "model.safetensors.index.json"),
      JSON.stringify(index),
    );
    await assertRejects(offline, ModelError, "or not all of it");
    await Deno.writeTextFile(join(folder, index.weight_map.a), "");
    assertEquals((await offline()).folder, folder);
  });
});

Deno.test("resolveModel() links a template for tools from the folder that it lies in", async () => {
  await withFolder(async (cache) => {
    const name = "additional_chat_templates/tool_use.jinja";
    const bytes = new TextEncoder().encode("{{ tools }}");
    await using hub = new Hub({
      ...MODEL,
      files: { ...MODEL.files, [name]: { bytes } },
    });
    const { folder } = await resolve(hub, cache);
    assertEquals(await Deno.readFile(join(folder, name)), bytes);
  });
});

Deno.test("resolveModel() shows its token to the Hub alone", async () => {
  await withFolder(async (cache) => {
    await using hub = new Hub({ ...MODEL, token: "hf_secret" });
    await resolve(hub, cache, { token: "hf_secret" });
    for (const { path, authorization } of hub.requests) {
      const own = path.includes(ID);
      assertEquals(authorization, own ? "Bearer hf_secret" : null, path);
    }
  });
});

Deno.test("resolveModel() keeps nothing whose checksum is wrong", async () => {
  await withFolder(async (cache) => {
    await using hub = new Hub({ ...MODEL, corrupt: true });
    await assertRejects(
      () => resolve(hub, cache),
      ModelError,
      "model.safetensors of owner/tiny-model is not that file",
    );
    const blobs = join(cache, "models--owner--tiny-model", "blobs");
    assertEquals([...Deno.readDirSync(blobs)], []);
  });
});

Deno.test("resolveModel() says what is wrong with a name, a revision or a right", async () => {
  await withFolder(async (cache) => {
    await using hub = new Hub(MODEL);
    const settings = { endpoint: hub.endpoint, cache, offline: false };
    await assertRejects(
      () => resolveModel("owner/other", { settings }),
      ModelError,
      "There is no folder owner/other, and the Hub has no such model",
    );
    await assertRejects(
      () => resolve(hub, cache, { revision: "v9" }),
      ModelError,
      "no revision v9 of owner/tiny-model",
    );
    await assertRejects(
      () => resolve(hub, cache, { revision: "../../x" }),
      ModelError,
      "is no revision",
    );
    await using shut = new Hub({ ...MODEL, token: "hf_secret" });
    await assertRejects(
      () => resolve(shut, cache),
      ModelError,
      "does not show owner/tiny-model (401)",
    );
    const files = { "pytorch_model.bin": { bytes: WEIGHTS } };
    await using pickled = new Hub({ ...MODEL, files });
    await assertRejects(
      () => resolve(pickled, cache),
      ModelError,
      "has no safetensors",
    );
  });
});

Deno.test("resolveModel() does with the cache where it is offline, or the Hub is", async () => {
  await withFolder(async (cache) => {
    const settings = { endpoint: "http://127.0.0.1:9", cache, offline: true };
    await assertRejects(
      () => resolveModel(ID, { settings }),
      ModelError,
      "HF_HUB_OFFLINE forbids to download it",
    );
    const online = { ...settings, offline: false };
    await assertRejects(
      () => resolveModel(ID, { settings: online }),
      ModelError,
      "Cannot reach http://127.0.0.1:9",
    );
    {
      await using hub = new Hub(MODEL);
      await resolve(hub, cache);
    }
    const expected = {
      folder: join(cache, "models--owner--tiny-model", "snapshots", COMMIT),
      commit: COMMIT,
    };
    for (const revision of ["main", COMMIT]) {
      for (const at of [settings, online]) {
        const found = await resolveModel(ID, { settings: at, revision });
        assertEquals(found, expected);
      }
    }
  });
});

Deno.test("resolveModel() takes a folder as it is", async () => {
  await withFolder(async (folder) => {
    assertEquals(await resolveModel(folder), { folder });
    assertEquals(await resolveModel("./nowhere"), { folder: "./nowhere" });
  });
  for (const path of ["/a/b", "a", "a/b/c", "./a/b", "../a", "a/.."]) {
    assertEquals(isHubId(path), false, path);
  }
  assertEquals(isHubId("Qwen/Qwen2.5-0.5B-Instruct"), true);
});

Deno.test("hubSettings() reads the environment as huggingface_hub does", async () => {
  await withFolder(async (home) => {
    await Deno.writeTextFile(join(home, "token"), "hf_saved\n");
    const settings = (values: Readonly<Record<string, string>>) =>
      hubSettings((name) => values[name]);
    assertEquals(await settings({ HF_HOME: home }), {
      endpoint: "https://huggingface.co",
      cache: join(home, "hub"),
      token: "hf_saved",
      offline: false,
    });
    assertEquals(
      await settings({
        HOME: home,
        HF_HOME: "~/.cache/huggingface",
        HF_ENDPOINT: "http://mirror/",
        HF_TOKEN: "hf_own",
        TRANSFORMERS_OFFLINE: "1",
      }),
      {
        endpoint: "http://mirror",
        cache: join(home, ".cache", "huggingface", "hub"),
        token: "hf_own",
        offline: true,
      },
    );
  });
});
