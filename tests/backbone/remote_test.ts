import { join } from "node:path";
import { WebGpuBackbone } from "../../src/backbone/mod.ts";
import type { WeightSink } from "../../src/engine/mod.ts";
import { EngineError, UserError } from "../../src/errors.ts";
import { openWeights } from "../../src/model/mod.ts";
import { assertAlmostEquals, assertEquals, assertRejects } from "../assert.ts";
import { type BigramProcess, bigramRun } from "./_bigram_job.ts";

/** A sink that serves what it reads from the folders, and takes note of what it is asked. */
function sinkOf({ policy }: BigramProcess, asked: string[]): WeightSink {
  const published: string[] = [];
  return {
    kind: "full",
    get folders() {
      return published.slice(-1);
    },
    async publish(folder, version) {
      asked.push(`publish ${version}`);
      const store = await openWeights(folder);
      const [name] = store.tensors.keys();
      assertEquals(
        [...await store.read(name!)],
        [...(await policy.weights())[0]!.data],
      );
      published.push(folder);
      await policy.sync(version);
    },
  };
}

Deno.test("WebGpuBackbone publishes every version to an engine elsewhere, at first that of the checkpoint", async () => {
  await using run = await bigramRun([
    "train.steps=3",
    "checkpoint.every=2",
    "rollout.group_size=16",
  ]);
  const asked: string[] = [];
  const remoteOf = (process: BigramProcess) => ({
    weights: sinkOf(process, asked),
    sleep: () => Promise.resolve(void asked.push("sleep")),
    wake: () => Promise.resolve(void asked.push("wake")),
  });
  const update = (version: number) => ["sleep", "wake", `publish ${version}`];
  {
    using process = await run.open();
    const remote = remoteOf(process);
    await new WebGpuBackbone({ ...process, remote }).run(process.job);
    assertEquals(asked, ["publish 0", ...[1, 2, 3].flatMap(update)]);
    const left = await Array.fromAsync(
      Deno.readDir(join(run.folder, "served")),
      ({ name }) => join(run.folder, "served", name),
    );
    assertEquals(left, remote.weights.folders);
  }
  await Deno.remove(join(run.folder, "checkpoints", "step-000003"), {
    recursive: true,
  });
  asked.length = 0;
  using process = await run.open();
  const remote = remoteOf(process);
  await new WebGpuBackbone({ ...process, remote }).run(process.job);
  assertEquals(asked, ["publish 2", ...update(3)]);
});

Deno.test("WebGpuBackbone says what the server said where a version cannot be published", async () => {
  await using run = await bigramRun(["train.steps=2"]);
  using process = await run.open();
  const asked: string[] = [];
  const weights = sinkOf(process, asked);
  const publish = weights.publish;
  weights.publish = (folder, version) =>
    version === 1
      ? Promise.reject(new EngineError("the disk is not there"))
      : publish(folder, version);
  await assertRejects(
    () =>
      new WebGpuBackbone({ ...process, remote: { weights } }).run(process.job),
    UserError,
    "Policy version 1 is not served: the disk is not there",
  );
});

/** The gap of each step's probe, with an engine whose logprobs are wrong by `errors` in turn. */
async function gapsWith(errors: readonly number[]): Promise<number[]> {
  await using run = await bigramRun([
    `train.steps=${errors.length - 1}`,
    "rollout.group_size=16",
    "engine.kind=vllm",
    "engine.url=http://127.0.0.1:8000",
  ]);
  using process = await run.open();
  const { engine } = process;
  const score = engine.score.bind(engine);
  let probes = 0;
  engine.score = async (sequences) => {
    const error = errors[probes++]!;
    const scored = await score(sequences);
    return scored.map((logprobs) => logprobs.map((logprob) => logprob + error));
  };
  const remote = { weights: sinkOf(process, []) };
  await new WebGpuBackbone({ ...process, remote }).run(process.job);
  return run.events.flatMap((event) =>
    event.event === "step" ? [Number(event.probeGapMax)] : []
  );
}

Deno.test("WebGpuBackbone takes no more for rounding than the first probe makes likely", async () => {
  const [rough] = await gapsWith([0.1, 0.4]);
  assertAlmostEquals(rough!, 0.4, 1e-3);
  await assertRejects(
    () => gapsWith([1e-4, 0.4]),
    UserError,
    /at policy version 1, .* 0.05 are taken for rounding.* kept older weights/,
  );
});
