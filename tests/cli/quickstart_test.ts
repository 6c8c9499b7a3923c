import { fileURLToPath } from "node:url";
import {
  QUICKSTART_FILES,
  quickstartConfig,
} from "../../src/cli/quickstart.ts";
import { loadConfig } from "../../src/config/mod.ts";
import { UserError } from "../../src/errors.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";

const EXAMPLE = new URL("../../examples/calculator/", import.meta.url);

/** Serves the example's files over HTTP. */
function serveExample(): { source: URL } & AsyncDisposable {
  const server = Deno.serve(
    { port: 0, onListen: () => {} },
    async (request) => {
      const path = new URL(request.url).pathname.slice(1);
      const bytes = await Deno.readFile(new URL(path, EXAMPLE)).catch(() =>
        null
      );
      return bytes ? new Response(bytes) : new Response("no", { status: 404 });
    },
  );
  return {
    source: new URL(`http://localhost:${server.addr.port}/`),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("quickstartConfig() is the checkout's own file, which loads", async () => {
  const file = await quickstartConfig();
  assertEquals(file, fileURLToPath(new URL("calculator.yaml", EXAMPLE)));
  const { model } = await loadConfig({ file });
  assertEquals(model.path, fileURLToPath(new URL("model", EXAMPLE)));
});

Deno.test("quickstartConfig() knows every file that a run of the example reads", async () => {
  const names = [...Deno.readDirSync(new URL("model/", EXAMPLE))]
    .map(({ name }) => `model/${name}`);
  const listed = QUICKSTART_FILES.filter((file) => file.startsWith("model/"));
  assertEquals(names.sort(), [...listed].sort());
  for (const file of QUICKSTART_FILES) {
    assertTrue((await Deno.stat(new URL(file, EXAMPLE))).isFile);
  }
});

Deno.test("quickstartConfig() fetches the example where the program came from a URL", async () => {
  await using example = serveExample();
  using folder = new TestFolder();
  const { source } = example;
  const file = await quickstartConfig({ source, cache: folder.path });
  const { model } = await loadConfig({ file });
  assertEquals(model.path, `${folder.path}/model`);
  for (const name of QUICKSTART_FILES) {
    assertEquals(
      await Deno.readFile(`${folder.path}/${name}`),
      await Deno.readFile(new URL(name, EXAMPLE)),
    );
  }
});

Deno.test("quickstartConfig() says what it could not fetch", async () => {
  await using example = serveExample();
  using folder = new TestFolder();
  const source = new URL("elsewhere/", example.source);
  await assertRejects(
    () => quickstartConfig({ source, cache: folder.path }),
    UserError,
    /^Cannot fetch the quickstart's http.*: 404 Not Found$/,
  );
});
