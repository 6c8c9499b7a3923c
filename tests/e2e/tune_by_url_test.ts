import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch } from "../assert.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MODEL = join(ROOT, "examples/calculator/model");

/** The checkout as a web server would have it. */
function serveCheckout(): Deno.HttpServer<Deno.NetAddr> {
  const types: Record<string, string> = {
    ".ts": "application/typescript",
    json: "application/json",
  };
  return Deno.serve({ port: 0, onListen() {} }, async ({ url }) => {
    const { pathname } = new URL(url);
    const body = await Deno.readFile(join(ROOT, pathname)).catch(() => null);
    const type = types[pathname.slice(-3)] ?? types[pathname.slice(-4)] ??
      "text/plain";
    return new Response(body, {
      status: body === null ? 404 : 200,
      headers: { "content-type": type },
    });
  });
}

/** A user's project: an agent with a class of its own, and a script that tunes it. */
function project(url: string): Record<string, string> {
  return {
    "agent.ts": `
import { type Task, type Tuner, Workflow } from "${url}/mod.ts";

export default class Echo extends Workflow {
  async execute(task: Task, { baseUrl, apiKey, model, signal }: Tuner) {
    const response = await fetch(baseUrl + "/chat/completions", {
      method: "POST",
      headers: { authorization: "Bearer " + apiKey },
      body: JSON.stringify({
        model,
        max_tokens: 4,
        messages: [{ role: "user", content: task.query }],
      }),
      signal,
    });
    const { usage } = await response.json();
    return { reward: usage.completion_tokens % 2, metrics: { called: 1 } };
  }
}
`,
    "main.ts": `
import { openView, readTasks, tune } from "${url}/mod.ts";

using view = openView({ json: true });
const settings = {
  train: { steps: 2 },
  rollout: { batch_tasks: 2, group_size: 4 },
  eval: { tasks: 2 },
};
const model = Deno.args[0]!;
await tune({
  model,
  workflow: new URL("./agent.ts", import.meta.url),
  tasks: [{ query: "One?" }, { query: "Two?", split: "validation" }],
  settings,
  runDir: "own",
  view,
});
const { train } = await readTasks({
  source: new URL("${url}/examples/calculator/train.jsonl"),
});
await tune({
  model,
  workflow: new URL("${url}/examples/calculator/workflow.ts"),
  tasks: train.slice(0, 8),
  settings,
  runDir: "calculator",
  view,
});
`,
  };
}

Deno.test("tune() works from a URL, with an agent that is local or is not", async () => {
  const folder = await Deno.makeTempDir();
  const server = serveCheckout();
  try {
    const url = `http://127.0.0.1:${server.addr.port}`;
    for (const [file, text] of Object.entries(project(url))) {
      await Deno.writeTextFile(join(folder, file), text);
    }
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-lock", "main.ts", MODEL],
      cwd: folder,
      env: { NO_COLOR: "1" },
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    const events = new TextDecoder().decode(stdout).trim().split("\n")
      .map((line) => JSON.parse(line));
    assertEquals(
      events.filter(({ event }) => event === "done").map(({ steps }) => steps),
      [2, 2],
    );
    const [first] = events.filter(({ event }) => event === "step");
    assertEquals(first.workflow, { called: 1 });
    const saved = await Deno.readTextFile(join(folder, "own", "config.yaml"));
    assertMatch(saved, "agent.ts");
    await Deno.stat(join(folder, "calculator", "checkpoints", "step-000002"));
  } finally {
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  }
});
