import { join } from "node:path";
import {
  loadServeConfig,
  type Override,
  type ServeConfig,
} from "../../src/config/mod.ts";
import {
  exportModel,
  score,
  updateFromRollouts,
} from "../../src/launcher/mod.ts";
import { openPolicy } from "../../src/launcher/_open_policy.ts";
import { loadModelWeights } from "../../src/model/mod.ts";
import type { Policy, StepOptions } from "../../src/nn/mod.ts";
import {
  fineTune,
  type JsonLine,
  type TokenizedExample,
} from "../../src/offline/mod.ts";
import { TokenTree } from "../../src/tracker/mod.ts";
import { assertAlmostEquals, assertEquals } from "../assert.ts";
import {
  assertTensors,
  type GoldenModel,
  MODELS,
  OPTIMIZER,
  tensorsOf,
  unpack,
  UPDATE,
  withGolden,
} from "./_golden.ts";

const STEP: StepOptions = {
  learningRate: OPTIMIZER.lr,
  beta1: OPTIMIZER.betas[0]!,
  beta2: OPTIMIZER.betas[1]!,
  epsilon: OPTIMIZER.eps,
  weightDecay: OPTIMIZER.weight_decay,
  maxGradNorm: OPTIMIZER.max_grad_norm,
};

function configOf(values: Readonly<Record<string, unknown>>) {
  const overrides: Override[] = Object.entries(values)
    .map(([key, value]) => ({ key, value, source: key }));
  return loadServeConfig({ overrides });
}

async function* linesOf(rows: readonly object[]): AsyncGenerator<JsonLine> {
  for (const [at, row] of rows.entries()) {
    yield { fields: { ...row }, where: `rows:${at + 1}` };
  }
}

async function assertScores(
  config: ServeConfig,
  golden: GoldenModel,
  expected: readonly (readonly number[])[],
): Promise<void> {
  const rows = golden.sequences.map((tokens) => ({ tokens }));
  const scored = await Array.fromAsync(score(config, linesOf(rows)));
  assertEquals(scored.length, expected.length);
  scored.forEach(([first, ...rest], row) => {
    assertEquals(first, null);
    assertEquals(rest.length, expected[row]!.length);
    rest.forEach((logprob, at) =>
      assertAlmostEquals(logprob!, expected[row]![at]!, 1e-4)
    );
  });
}

/** Whole sequences to imitate, but for their first tokens. */
function examplesOf({ sequences }: GoldenModel): TokenizedExample[] {
  return sequences.map((tokens, at) => {
    const tree = new TokenTree();
    tree.record({
      id: "call",
      agent: "default",
      prompt: tokens.slice(0, 1),
      tokens: tokens.slice(1),
      logprobs: tokens.slice(1).map(() => 0),
      temperature: 1,
      finishReason: "stop",
      policyVersion: 0,
    });
    return { where: `${at}`, tree };
  });
}

/** Takes steps on all of a model's sequences; returns the losses. */
async function teach(
  policy: Policy,
  golden: GoldenModel,
  options: {
    readonly steps: number;
    readonly optimizer: (step: number) => StepOptions;
  },
): Promise<number[]> {
  const records = fineTune(policy, {
    train: examplesOf(golden),
    validation: [],
    batchSize: golden.sequences.length,
    epochs: options.steps,
    optimizer: options.optimizer,
    seed: 1,
    evalEvery: 1,
    patience: 0,
  });
  return await Array.fromAsync(records, ({ loss }) => loss);
}

for (const golden of MODELS) {
  Deno.test(`score() has transformers' logprobs of a ${golden.name}, and peft's under an adapter`, async () => {
    await withGolden(golden, async ({ model, adapter }) => {
      const plain = await configOf({ "model.path": model });
      await assertScores(plain, golden, golden.logprobs);
      const adapted = await configOf({
        "model.path": model,
        "model.adapter": adapter,
      });
      await assertScores(adapted, golden, golden.adaptedLogprobs);
    });
  });

  Deno.test(`exportModel() merges an adapter into a ${golden.name} as peft does`, async () => {
    await withGolden(golden, async ({ model, adapter, out }) => {
      await exportModel({ model, adapter, out });
      const expected = await unpack(golden.merged);
      const names = new Set(expected.map(({ name }) => name));
      const merged = await tensorsOf(join(out, "model.safetensors"));
      assertTensors(
        merged.filter(({ name }) => names.has(name)),
        expected,
        1e-6,
      );
      const config = await configOf({ "model.path": out });
      await assertScores(config, golden, golden.adaptedLogprobs);
    });
  });

  Deno.test(`fineTune() trains an adapter over a ${golden.name} as peft and PyTorch do`, async () => {
    await withGolden(golden, async ({ model, adapter }) => {
      const config = await configOf({
        "model.path": model,
        "model.adapter": adapter,
        "train.method": "lora",
      });
      const weights = await loadModelWeights(model);
      const options = { weights, trained: true, sampled: false };
      {
        await using gpu = (await openPolicy(config, options)).gpu;
        const unclipped = { ...STEP, maxGradNorm: 0 };
        await teach(gpu.policy, golden, {
          steps: 1,
          optimizer: () => unclipped,
        });
        // After the first step, AdamW's first moment is the gradient times 1 − beta1.
        const { m } = await gpu.policy.optimizer();
        const gradients = m.map((tensor) => ({
          ...tensor,
          data: tensor.data.map((value) => value / (1 - STEP.beta1)),
        }));
        assertTensors(gradients, await unpack(golden.gradients), 1e-3);
      }
      await using gpu = (await openPolicy(config, options)).gpu;
      const losses = await teach(gpu.policy, golden, {
        steps: 3,
        optimizer: (step) => ({
          ...STEP,
          learningRate: OPTIMIZER.lr * Math.min(1, step / OPTIMIZER.warmup),
        }),
      });
      losses.forEach((loss, at) =>
        assertAlmostEquals(loss, golden.losses[at]!, 1e-4)
      );
      const trained = await unpack(golden.trained);
      assertTensors(await gpu.policy.weights(), trained, 1e-4);
    });
  });
}

Deno.test("updateFromRollouts() takes PyTorch's steps on recorded episodes", async () => {
  const golden = MODELS.find(({ name }) => name === "llama")!;
  await withGolden(golden, async ({ model, out }) => {
    const config = await configOf({
      "model.path": model,
      "train.learning_rate": OPTIMIZER.lr,
      "train.warmup_steps": OPTIMIZER.warmup,
      "train.weight_decay": OPTIMIZER.weight_decay,
      "train.max_grad_norm": OPTIMIZER.max_grad_norm,
    });
    const lines = linesOf(UPDATE.rollouts);
    const records = await Array.fromAsync(
      updateFromRollouts(config, { lines, out, steps: 3 }),
    );
    records.forEach(({ loss }, at) =>
      assertAlmostEquals(loss!, UPDATE.losses[at]!, 1e-4)
    );
    const trained = await tensorsOf(join(out, "model.safetensors"));
    assertTensors(trained, await unpack(UPDATE.trained), 1e-4);
  });
});
