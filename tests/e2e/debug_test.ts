import { fileURLToPath, pathToFileURL } from "node:url";
import { assertEquals, assertMatch } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const EXAMPLE = fileURLToPath(
  new URL("../../examples/calculator/", import.meta.url),
);

/** An agent that asks the model once and gives `reward`. */
const agent = (reward: number) => `
import { ask } from "./ask.ts";
export default async function (task, tuner) {
  await ask(task, tuner);
  return ${reward};
}
`;

const ASK = `
export async function ask(task, { baseUrl, apiKey, model }) {
  const response = await fetch(baseUrl + "/chat/completions", {
    method: "POST",
    headers: { Authorization: "Bearer " + apiKey },
    body: JSON.stringify({
      model,
      messages: [{ role: "user", content: task.query }],
      max_tokens: 4,
    }),
  });
  await response.json();
}
`;

/** A folder with an agent on the quickstart's model. */
function agentFolder(): TestFolder {
  return new TestFolder({
    "my.yaml": `
model: { path: ${EXAMPLE}model }
workflow: { path: ./agent/agent.ts }
tasks: { train: ./tasks.jsonl }
train: { backbone: debug }
`,
    "agent/agent.ts": agent(0.25),
    "agent/ask.ts": ASK,
    "tasks.jsonl": '{"id": "one", "query": "2 + 2?"}\n',
  });
}

// deno-lint-ignore no-explicit-any -- what is printed is looked at field by field
type Json = any;

/** Saves a file as editors do: beside its place first, so that nobody reads the half of it. */
function save(folder: TestFolder, name: string, text: string): void {
  const partial = folder.write(".partial", text);
  Deno.renameSync(partial, `${folder.path}/${name}`);
}

/** `cli.ts train --json`, whose lines are read one by one. */
class Debugging implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: AsyncIterator<string>;

  constructor(cwd: string, args: readonly string[]) {
    const command = ["run", "-A", "--cached-only", CLI, "train"];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...command, "--conf", "my.yaml", "--json", ...args],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = lines(this.#child.stdout);
    this.#errors = lines(this.#child.stderr);
  }

  /** The next object on standard output that is `wanted`. */
  async next(wanted: (line: Json) => boolean = () => true): Promise<Json> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      if (done) throw new Error("The program has ended");
      const line = JSON.parse(value);
      if (wanted(line)) return line;
    }
  }

  /** Waits for a note that `pattern` matches. */
  async note(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const { value, done } = await this.#errors.next();
      if (done) throw new Error("The program has ended");
      const match = pattern.exec(value);
      if (match) return match;
    }
  }

  /** Presses Ctrl-C. @returns The exit code. */
  async interrupt(): Promise<number> {
    this.#child.kill("SIGINT");
    return (await this.#child.status).code;
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.#child.status;
    // What nobody has read yet would be a leak.
    for (const rest of [this.#lines, this.#errors]) {
      while (!(await rest.next()).done);
    }
  }
}

async function* lines(
  stream: ReadableStream<Uint8Array>,
): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const pieces = (rest + text).split("\n");
    rest = pieces.pop()!;
    yield* pieces;
  }
  return undefined;
}

Deno.test("train --backbone=debug --watch runs again at every save, on the model that it has", async () => {
  using folder = agentFolder();
  await using program = new Debugging(folder.path, ["--watch"]);
  await program.note(/model on the embedded engine/);
  const first = await program.next();
  assertEquals([first.run, first.reward], [1, 0.25]);
  const sampled = JSON.stringify(first.calls[0].tokens);
  await program.note(/Waiting for a save/);

  // The system may tell of one save twice, so what matters is what comes of it in the end.
  save(folder, "agent/agent.ts", agent(0.5));
  const second = await program.next(({ reward }) => reward === 0.5);
  assertEquals(JSON.stringify(second.calls[0].tokens), sampled);
  await program.note(/Waiting for a save/);

  // What cannot be loaded is told, and the next save mends it.
  save(folder, "agent/ask.ts", "export function ask( {");
  const broken = await program.next(({ event }) => event === "error");
  assertMatch(broken.text, /ask\.ts:1:/);
  await program.note(/Waiting for a save/);
  save(folder, "agent/ask.ts", ASK);
  await program.next(({ reward }) => reward === 0.5);
  await program.note(/Waiting for a save/);

  save(folder, "tasks.jsonl", '{"id": "two", "query": "3 + 3?"}\n');
  await program.next(({ task }) => task?.id === "two");
  await program.note(/Waiting for a save/);

  // The YAML counts too: first what leaves the model as it is, then what opens it anew.
  const yaml = Deno.readTextFileSync(`${folder.path}/my.yaml`);
  save(folder, "my.yaml", `${yaml}debug: { episodes: 2 }\n`);
  await program.next(({ index }) => index === 1);
  await program.note(/Waiting for a save/);
  save(folder, "my.yaml", `${yaml}engine: { max_context: 1 }\n`);
  const wrong = await program.next(({ event }) => event === "error");
  assertMatch(wrong.text, "engine.max_context must be at least 2");
  save(folder, "my.yaml", `${yaml}engine: { max_context: 600 }\n`);
  await program.note(/model on the embedded engine, opened/);
  await program.note(/Waiting for a save/);

  // A save ends the episodes at work.
  const endless = "export default () => new Promise(() => {});";
  save(folder, "agent/agent.ts", endless);
  await program.note(/agent\.ts saved/);
  save(folder, "agent/agent.ts", agent(1));
  await program.next(({ reward }) => reward === 1);
  assertEquals(await program.interrupt(), 130);
});

Deno.test("train --backbone=debug --inspect-wait lets a debugger into the workflow's process", async () => {
  using folder = agentFolder();
  const address = freeAddress();
  // No limit counts while the agent stands still.
  const limits = ["--set", "rollout.deadline=0.01"];
  await using program = new Debugging(folder.path, [
    `--inspect-wait=${address}`,
    ...limits,
  ]);
  await program.note(new RegExp(`takes a debugger at ${address}`));
  const [target] = await inspectorTargets(address);
  assertMatch(decodeURIComponent(target!.url), "agent/agent.ts");

  const debug = new WebSocket(target!.webSocketDebuggerUrl);
  await new Promise((resolve) => debug.onopen = resolve);
  debug.send('{"id": 1, "method": "Runtime.enable"}');
  debug.send('{"id": 2, "method": "Runtime.runIfWaitingForDebugger"}');
  const episode = await program.next();
  assertEquals([episode.error, episode.reward], [null, 0.25]);
  const closed = new Promise((resolve) => debug.onclose = resolve);
  debug.close();
  await closed;
});

Deno.test("train --backbone=debug --inspect-wait ends by Ctrl-C while it waits", async () => {
  using folder = agentFolder();
  await using program = new Debugging(folder.path, [
    "--inspect-wait=127.0.0.1:0",
  ]);
  await program.note(/takes a debugger/);
  assertEquals(await program.interrupt(), 130);
});

Deno.test("train --backbone=debug --inspect-brk breaks before the user's first line", async () => {
  using folder = agentFolder();
  const address = freeAddress();
  await using program = new Debugging(folder.path, [
    `--inspect-brk=${address}`,
  ]);
  await program.note(/takes a debugger/);
  const [target] = await inspectorTargets(address);
  const debug = new WebSocket(target!.webSocketDebuggerUrl);
  await new Promise((resolve) => debug.onopen = resolve);
  const urls = new Map<string, string>();
  const paused: string[] = [];
  const inside = Promise.withResolvers<void>();
  const send = (method: string) =>
    debug.send(JSON.stringify({ id: 1, method: `Debugger.${method}` }));
  debug.onmessage = ({ data }) => {
    const { method, params } = JSON.parse(data);
    if (method === "Debugger.scriptParsed") {
      urls.set(params.scriptId, params.url);
    }
    if (method !== "Debugger.paused") return;
    const { scriptId } = params.callFrames[0].location;
    const url = urls.get(scriptId)!;
    if (paused.at(-1) !== url) paused.push(url);
    if (url.startsWith("file:")) return inside.resolve();
    send("stepOver");
  };
  debug.send('{"id": 2, "method": "Runtime.enable"}');
  send("enable");
  debug.send('{"id": 3, "method": "Runtime.runIfWaitingForDebugger"}');
  await inside.promise;
  assertEquals(paused, [
    "data:text/javascript,debugger;",
    // The agent's imports are evaluated before itself.
    pathToFileURL(`${Deno.realPathSync(folder.path)}/agent/ask.ts`).href,
  ]);
  send("resume");
  const episode = await program.next();
  assertEquals([episode.error, episode.reward], [null, 0.25]);
  const closed = new Promise((resolve) => debug.onclose = resolve);
  debug.close();
  await closed;
});

Deno.test("train --backbone=debug leaves no process in a debugger behind when it is killed", async () => {
  using folder = agentFolder();
  const address = freeAddress();
  await using program = new Debugging(folder.path, [
    `--inspect-wait=${address}`,
  ]);
  await program.note(/takes a debugger/);
  await inspectorTargets(address);
  await program.kill();
  for (;;) {
    try {
      await (await fetch(`http://${address}/json`)).body?.cancel();
    } catch {
      break; // It listens no more.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
});

function freeAddress(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `127.0.0.1:${listener.addr.port}`;
}

/** What the inspector at `address` says of its process, once it listens. */
async function inspectorTargets(
  address: string,
): Promise<{ url: string; webSocketDebuggerUrl: string }[]> {
  for (;;) {
    try {
      const targets = await (await fetch(`http://${address}/json`)).json();
      if (targets.length > 0) return targets;
    } catch {
      // It does not listen yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
