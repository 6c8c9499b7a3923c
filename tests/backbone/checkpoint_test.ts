import { join } from "node:path";
import {
  latestCheckpoint,
  loadCheckpoint,
  saveCheckpoint,
} from "../../src/backbone/checkpoint.ts";
import type { TrainState } from "../../src/backbone/mod.ts";
import { ModelError } from "../../src/errors.ts";
import type { HostTensor } from "../../src/nn/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { Bigram } from "./_bigram.ts";

const OPTIONS = {
  learningRate: 0.1,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 0,
};

interface Folders {
  readonly root: string;
  readonly model: string;
}

async function withFolders(
  test: (folders: Folders) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const root = join(folder, "checkpoints");
    const model = join(folder, "model");
    await Deno.mkdir(root);
    await Deno.mkdir(model);
    await Deno.writeTextFile(join(model, "config.json"), "{}");
    await test({ root, model });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A policy that has taken `steps` steps. */
async function trained(steps: number): Promise<Bigram> {
  const policy = new Bigram(3);
  for (let step = 0; step < steps; step++) {
    await policy.forward({
      tokens: Uint32Array.of(0, 1, 2),
      positions: Uint32Array.of(0, 1, 2),
      parents: Int32Array.of(-1, 0, 1),
      visibleUntil: Uint32Array.of(3, 3, 3),
      targets: Uint32Array.of(1, 2),
      temperature: Float32Array.of(1, 1),
    });
    await policy.backward({
      logprob: Float32Array.of(-1, 1 + step),
      entropy: new Float32Array(2),
    });
    await policy.step(OPTIONS);
  }
  return policy;
}

function stateAfter(step: number): TrainState {
  const tasks = { epoch: 0, position: step, size: 9 };
  return { step, version: step, tasks, seed: 5 };
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

function numbers(tensors: readonly HostTensor[]): number[][] {
  return tensors.map(({ data }) => [...data]);
}

Deno.test("loadCheckpoint() restores weights, moments and state to the bit", async () => {
  await withFolders(async ({ root, model }) => {
    const policy = await trained(3);
    const state = stateAfter(3);
    const folder = await saveCheckpoint(root, {
      policy,
      model,
      state,
      keep: 1,
    });

    const restored = new Bigram(3);
    assertEquals(await loadCheckpoint(folder, restored), state);
    assertEquals(
      numbers(await restored.weights()),
      numbers(await policy.weights()),
    );
    const [a, b] = [await restored.optimizer(), await policy.optimizer()];
    assertEquals(a.step, 3);
    assertEquals(numbers(a.m), numbers(b.m));
    assertEquals(numbers(a.v), numbers(b.v));
  });
});

Deno.test("saveCheckpoint() keeps the last ones, and `latest` points to the last", async () => {
  await withFolders(async ({ root, model }) => {
    const policy = await trained(1);
    for (const step of [8, 9, 10, 11]) {
      const state = stateAfter(step);
      await saveCheckpoint(root, { policy, model, state, keep: 2 });
    }
    assertEquals(names(root), ["latest", "step-000010", "step-000011"]);
    assertEquals(await Deno.readLink(join(root, "latest")), "step-000011");
    assertEquals(await latestCheckpoint(root), join(root, "step-000011"));
  });
});

Deno.test("saveCheckpoint() clears what a killed program left half done", async () => {
  await withFolders(async ({ root, model }) => {
    for (const left of ["step-000002.partial", "step-000001.old"]) {
      await Deno.mkdir(join(root, left));
      await Deno.writeTextFile(join(root, left, "model.safetensors"), "half");
    }
    assertEquals(await latestCheckpoint(root), undefined);

    const policy = await trained(1);
    await saveCheckpoint(root, {
      policy,
      model,
      state: stateAfter(3),
      keep: 0,
    });
    assertEquals(names(root), ["latest", "step-000003"]);
  });
});

Deno.test("loadCheckpoint() says which file is damaged", async () => {
  await withFolders(async ({ root, model }) => {
    const policy = await trained(1);
    const state = stateAfter(1);
    const folder = await saveCheckpoint(root, {
      policy,
      model,
      state,
      keep: 0,
    });
    await Deno.truncate(join(folder, "optimizer.safetensors"), 40);
    await assertRejects(
      () => loadCheckpoint(folder, policy),
      ModelError,
      "optimizer.safetensors",
    );
  });
});
