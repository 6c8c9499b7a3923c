import { fileURLToPath } from "node:url";
import { join } from "node:path";
import type { StepRecord } from "../../src/monitor/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { type Ended, runProgram } from "./_program.ts";

const CLI = fileURLToPath(new URL("../../cli.ts", import.meta.url));
const LORA = [
  "--set",
  "train.method=lora",
  "--set",
  "train.lora.rank=4",
];

/** `astuner serve` of the quickstart's model in a process of its own, adapters exchangeable. */
async function startServer(
  set: readonly string[] = [],
): Promise<AsyncDisposable & { readonly url: string }> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--cached-only", CLI, "serve", "--port", "0"],
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
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await child.status;
      await output.cancel();
    },
  };
}

/** A short LoRA training of the quickstart on the server at `url`. */
function train(
  url: string,
  cwd: string,
  args: readonly string[] = ["--run-dir", "run"],
): Promise<Ended> {
  return runProgram([
    ...["train", "--set", "engine.kind=vllm", "--set", `engine.url=${url}`],
    ...LORA,
    ...["--steps", "2", "--set", "train.learning_rate=1e-2"],
    ...["--set", "rollout.batch_tasks=6", "--set", "checkpoint.every=1"],
    ...["--set", "eval.before=false", "--set", "eval.after=false"],
    ...args,
  ], { cwd });
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
