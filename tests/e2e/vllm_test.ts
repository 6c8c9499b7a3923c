import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { StepRecord } from "../../src/monitor/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { type Ended, Program, runProgram } from "./_program.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const LORA = [
  "--set",
  "train.method=lora",
  "--set",
  "train.lora.rank=4",
];

interface TestServer extends AsyncDisposable {
  readonly url: string;
  /** Ends it without a word. */
  kill(): Promise<void>;
}

/** `astuner serve` of the quickstart's model in a process of its own, adapters exchangeable. */
async function startServer(
  set: readonly string[] = [],
  port = 0,
): Promise<TestServer> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--cached-only", CLI, "serve", "--port", `${port}`],
      ...LORA,
      ...set,
    ],
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await output.read();
  const url = /^Serving \S+ at (http:\S+)\/v1\n$/.exec(value)?.[1];
  assertTrue(url, value);
  return {
    url,
    async kill() {
      child.kill("SIGKILL");
      await child.status;
    },
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGINT");
      } catch {
        // It was killed.
      }
      await child.status;
      await output.cancel();
    },
  };
}

/** Arguments of a short LoRA training of the quickstart on the server at `url`. */
function training(url: string, args: readonly string[] = []): string[] {
  return [
    ...["train", "--set", "engine.kind=vllm", "--set", `engine.url=${url}`],
    ...LORA,
    ...["--steps", "2", "--set", "train.learning_rate=1e-2"],
    ...["--set", "rollout.batch_tasks=6", "--set", "checkpoint.every=1"],
    ...["--set", "eval.before=false", "--set", "eval.after=false"],
    ...["--run-dir", "run"],
    ...args,
  ];
}

/** Such a training, to its end. */
function train(
  url: string,
  cwd: string,
  args: readonly string[] = [],
): Promise<Ended> {
  return runProgram(training(url, args), { cwd });
}

/** Whether the server's logprobs were those of the trainer. */
function isServed(
  { probeTokens, probeGapMax, untrainableCalls }: StepRecord,
): boolean {
  const isSame = Number(probeTokens) > 0 && Number(probeGapMax) < 1e-3;
  return isSame && untrainableCalls === 0;
}

async function steps(run: string): Promise<StepRecord[]> {
  const text = await Deno.readTextFile(join(run, "metrics.jsonl"));
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("train samples from a server of vLLM's interface, which gets and serves every version of the adapter", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer();
    const { code, stderr } = await train(server.url, folder);
    assertEquals([code, stderr], [0, ""]);
    const run = join(folder, "run");
    const whole = await steps(run);
    assertTrue(whole.length === 2 && whole.every(isServed));
    const last = Number(whole[1]!.policyVersion);
    assertTrue(last > 0, "neither step had rewards to learn from");
    const served = await Array.fromAsync(
      Deno.readDir(join(run, "served")),
      ({ name }) => name.replace(/^.*-/, ""),
    );
    assertEquals(served, [`v00000${last}`]);
    const { data } = await (await fetch(`${server.url}/v1/models`)).json();
    assertEquals(data.length, 1, "the adapters were unloaded");

    // A run that lost its last step goes on with the version of its checkpoint.
    await Deno.remove(join(run, "checkpoints", "step-000002"), {
      recursive: true,
    });
    const resumed = await runProgram(["train", "--resume", "run"], {
      cwd: folder,
    });
    assertEquals([resumed.code, resumed.stderr], [0, ""]);
    const again = await steps(run);
    assertTrue(again.length === 2 && again.every(isServed));
    assertEquals(again[0], whole[0]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train stops where the server has other weights than the trained model", async () => {
  const folder = await Deno.makeTempDir();
  try {
    // The same architecture and tokenizer, under an adapter that is trained from elsewhere.
    const other = join(folder, "other");
    await copyFolder(MODEL, other);
    await scramble(join(other, "model.safetensors"));
    await using server = await startServer(["--set", `model.path=${other}`]);
    const { code, stderr } = await train(server.url, folder);
    assertEquals(code, 2);
    assertMatch(stderr, "does not serve the trained weights");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train goes on where its server is killed and started again in the middle of a step", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using first = await startServer();
    const args = training(first.url, ["--steps", "3"]);
    await using program = new Program(args, { cwd: folder });
    await program.until(({ event }) => event === "step");
    await first.kill();
    await using _second = await startServer([], Number(portOf(first.url)));
    const { code, stderr } = await program.ended();
    assertEquals([code, stderr], [0, ""]);
    const whole = await steps(join(folder, "run"));
    assertTrue(whole.length === 3 && whole.every(isServed));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("train rolls out ahead on a server, which keeps one version more than it would", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = await startServer();
    const args = ["--steps", "4", "--set", "rollout.max_staleness=1"];
    await using program = new Program(training(server.url, args), {
      cwd: folder,
    });
    await program.until((event) => event.event === "step" && event.step === 3);
    const { data } = await (await fetch(`${server.url}/v1/models`)).json();
    assertTrue(data.length >= 3, JSON.stringify(data));
    const { code, stderr } = await program.ended();
    assertEquals([code, stderr], [0, ""]);
    const whole = await steps(join(folder, "run"));
    assertTrue(whole.length === 4 && whole.every(isServed));
    const ages = whole.map(({ stalenessMax }) => Number(stalenessMax));
    assertEquals([ages[0], Math.max(...ages)], [0, 1]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function portOf(url: string): string {
  return new URL(url).port;
}

const MODEL = fileURLToPath(
  new URL("../../examples/calculator/model", import.meta.url),
);

async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(join(from, name), join(to, name));
  }
}

/** Halves every hundredth weight of a file of float32. */
async function scramble(file: string): Promise<void> {
  const bytes = await Deno.readFile(file);
  const view = new DataView(bytes.buffer);
  const header = 8 + Number(view.getBigUint64(0, true));
  for (let at = header; at + 4 <= bytes.length; at += 400) {
    view.setFloat32(at, view.getFloat32(at, true) * -4, true);
  }
  await Deno.writeFile(file, bytes);
}
