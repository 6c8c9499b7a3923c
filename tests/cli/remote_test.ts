import { fileURLToPath } from "node:url";
import { QUICKSTART_FILES } from "../../src/cli/quickstart.ts";
import { assertEquals, assertMatch } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Serves the checkout over HTTP, as a release would be. */
function serveCheckout(): { url: string } & AsyncDisposable {
  const server = Deno.serve(
    { port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      const file = await Deno.readFile(ROOT + pathname.slice(1)).catch(() =>
        null
      );
      const type = pathname.endsWith(".ts")
        ? "application/typescript"
        : "text/plain";
      return file
        ? new Response(file, { headers: { "content-type": type } })
        : new Response("not found", { status: 404 });
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("cli.ts trains the quickstart from a URL, and keeps its files for a resume", async () => {
  await using checkout = serveCheckout();
  using folder = new TestFolder({ "cache/": "" });
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-config",
        `${checkout.url}/cli.ts`,
        ...args,
        "--json",
      ],
      cwd: folder.path,
      env: { XDG_CACHE_HOME: `${folder.path}/cache` },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout);
  };
  const small = ["--set", "eval.tasks=4", "--set", "rollout.batch_tasks=2"];
  const trained = await run(
    "train",
    "--steps",
    "1",
    "--run-dir",
    "run",
    ...small,
  );
  assertMatch(trained, '{"event":"done","steps":1,');
  const resumed = await run("train", "--resume", "run", "--steps", "2");
  assertMatch(resumed, '{"event":"done","steps":2,');
  const cached = [...walk(`${folder.path}/cache/astuner`)];
  for (const file of QUICKSTART_FILES) {
    assertEquals(
      cached.filter((path) => path.endsWith(`/${file}`)).length,
      1,
      file,
    );
  }
});

function* walk(folder: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) yield* walk(path);
    else yield path;
  }
}
