import { assertEquals } from "../assert.ts";

const ROOT = new URL("../../", import.meta.url);

/** Serves this repository's TypeScript, as a host of the library would. */
function serveSource(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      const path = new URL(request.url).pathname.slice(1);
      try {
        const source = await Deno.readTextFile(new URL(path, ROOT));
        return new Response(source, {
          headers: { "content-type": "application/typescript" },
        });
      } catch {
        return new Response("not found", { status: 404 });
      }
    },
  );
}

Deno.test("Runner works when it is imported by URL, its workflow too", async () => {
  await using server = serveSource();
  const host = `127.0.0.1:${server.addr.port}`;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(
    `${folder}/workflow.ts`,
    "export default (task) => ({ reward: task.metadata.points });",
  );
  await Deno.writeTextFile(
    `${folder}/main.ts`,
    `import { Runner } from "http://${host}/src/runner/mod.ts";
     const endpoint = { baseUrl: "", apiKey: "", model: "" };
     const agents = ["./workflow.ts", "http://${host}/tests/runner/agents/judge.ts"];
     for (const workflow of agents) {
       await using runner = await Runner.open({ workflow, gateway: "127.0.0.1:9" });
       const task = { id: "", query: "judge forgets", metadata: { points: 3 }, split: "train" };
       const result = await runner.run({ task, endpoint });
       console.log(result.outcome?.reward ?? result.error.message.slice(0, 31));
     }`,
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "main.ts"],
    cwd: folder,
    env: { DENO_DIR: `${folder}/cache`, NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(
    decoder.decode(stdout),
    "3\nThe workflow returned no reward\n",
    decoder.decode(stderr),
  );
  await Deno.remove(folder, { recursive: true });
});
