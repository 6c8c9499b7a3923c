import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadServeConfig, type ServeConfig } from "../../src/config/mod.ts";
import { UserError } from "../../src/errors.ts";
import { spawnVllm } from "../../src/launcher/_spawn_vllm.ts";
import { isWell } from "../../src/launcher/_vllm_process.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { StubVllm } from "../engine/vllm/_stub_vllm.ts";

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);
const STAND_IN = fileURLToPath(new URL("_vllm_stand_in.ts", import.meta.url));

/** A program of the lines of a shell script, and the config that starts it. */
async function withProgram(
  script: string,
  test: (config: ServeConfig, folder: string) => Promise<void>,
  port = freePort(),
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const program = join(folder, "vllm");
    await Deno.writeTextFile(program, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(program, 0o755);
    const config = await loadServeConfig({
      set: [
        `model.path=${MODEL}`,
        "engine.kind=vllm",
        `engine.spawn.command=["${program}", "--more"]`,
        `engine.spawn.port=${port}`,
        "train.method=lora",
        "train.lora.rank=5",
      ],
    });
    await test(config, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("spawnVllm() starts a server for what is trained, waits for it, and ends all of it", async () => {
  const script = `export STAND_IN_SEEN="$(dirname "$0")/seen.json"\n` +
    // Not exec: it is a grandchild, as vLLM's engine is.
    `"${Deno.execPath()}" run -A --no-check "${STAND_IN}" "$@"`;
  await withProgram(script, async (config, folder) => {
    const waits: number[] = [];
    const { url, process } = await spawnVllm(config, {
      trained: true,
      adapter: undefined,
      agents: ["solver", "critic"],
      onWait: (seconds) => waits.push(seconds),
    });
    {
      await using _ = process!;
      assertTrue(await isWell(url));
      assertTrue(waits.length > 0);
      const { args, flag } = JSON.parse(
        await Deno.readTextFile(join(folder, "seen.json")),
      );
      assertEquals(flag, "True");
      assertEquals(args.slice(0, 2), ["serve", MODEL]);
      assertEquals(args.at(-1), "--more");
      const rank = args.indexOf("--max-lora-rank");
      assertEquals(args.slice(rank - 1, rank + 4), [
        "--enable-lora",
        "--max-lora-rank",
        "8",
        "--max-loras",
        "6",
      ]);
    }
    assertEquals(await isWell(url), false);
  });
});

Deno.test("spawnVllm() shows the end of the log of a server that does not come up", async () => {
  const script = "echo 'No device was found' >&2; exit 3";
  await withProgram(script, async (config) => {
    await assertRejects(
      () =>
        spawnVllm(config, {
          trained: false,
          adapter: undefined,
          agents: [],
          onWait() {},
        }),
      UserError,
      /exit code 3 before it answered(.|\n)*No device was found/,
    );
  });
});

Deno.test("spawnVllm() takes a server that is there already, and leaves it", async () => {
  await using stub = new StubVllm();
  const port = Number(new URL(stub.url).port);
  await withProgram("exit 3", async (config) => {
    const { url, process } = await spawnVllm(config, {
      trained: false,
      adapter: undefined,
      agents: [],
      onWait() {},
    });
    assertEquals([url, process], [stub.url, undefined]);
  }, port);
});
