import golden from "../golden/dropout/dropout.json" with { type: "json" };
import { loadServeConfig } from "../../src/config/mod.ts";
import { openPolicy } from "../../src/launcher/_open_policy.ts";
import { loadModelWeights } from "../../src/model/mod.ts";
import type { TreeInput } from "../../src/nn/mod.ts";
import { assertAlmostEquals, assertEquals } from "../assert.ts";
import { forestOf } from "../nn/_forest.ts";
import { assertTensors, MODELS, unpack, withGolden } from "./_golden.ts";

/** A sequence of a pass, and the tree node that each of its tokens is. */
type Sequence = typeof golden.models[number]["passes"][number][number];

const STEP = {
  learningRate: 0,
  beta1: 0.5,
  beta2: 0.5,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 0,
};

/** The forest of a pass; every token but the first of each sequence is a target, in order. */
function inputOf(sequences: readonly Sequence[]): TreeInput {
  const nodes = new Set(sequences.flatMap(({ rows }) => rows)).size;
  const tokens = new Uint32Array(nodes);
  const parents = new Int32Array(nodes);
  for (const sequence of sequences) {
    sequence.rows.forEach((row, at) => {
      tokens[row] = sequence.tokens[at]!;
      parents[row] = sequence.rows[at - 1] ?? -1;
    });
  }
  const targets = sequences.flatMap(({ rows }) => rows.slice(1));
  return {
    ...forestOf(parents, tokens),
    targets: Uint32Array.from(targets),
    temperature: new Float32Array(targets.length).fill(1),
  };
}

for (const { name, passes, gradients } of golden.models) {
  Deno.test(`An adapter over a ${name} trains under dropout as peft's layers do with the same masks`, async () => {
    const model = MODELS.find((other) => other.name === name)!;
    await withGolden(model, async (folders) => {
      for (const recompute of ["never", "always"]) {
        const values = {
          seed: golden.seed,
          "model.path": folders.model,
          "model.adapter": folders.adapter,
          "train.method": "lora",
          "train.lora.dropout": golden.dropout,
          "train.recompute": recompute,
        };
        const config = await loadServeConfig({
          overrides: Object.entries(values).map(([key, value]) => ({
            key,
            value,
            source: key,
          })),
        });
        const notes: string[] = [];
        await using gpu = (await openPolicy(config, {
          weights: await loadModelWeights(folders.model),
          trained: true,
          sampled: false,
          onNote: (text) => notes.push(text),
        })).gpu;
        assertEquals(notes, [
          `The adapter ${folders.adapter} was trained with dropout 0, and goes on with train.lora.dropout: 0.25`,
        ]);
        const { policy } = gpu;
        const { m, v } = await policy.optimizer();
        await policy.loadOptimizer({ step: golden.step, m, v });
        for (const sequences of passes) {
          const { logprob } = await policy.forward(inputOf(sequences));
          const expected = sequences.flatMap(({ logprobs }) => logprobs);
          assertEquals(logprob.length, expected.length);
          logprob.forEach((x, at) =>
            assertAlmostEquals(x, expected[at]!, 1e-4)
          );
          await policy.backward({
            logprob: logprob.map(() => -1),
            entropy: logprob.map(() => 0),
          });
        }
        await policy.step(STEP);
        // AdamW's first moment was zero, and is now the gradient times 1 − beta1.
        const doubled = (await policy.optimizer()).m.map((tensor) => ({
          ...tensor,
          data: tensor.data.map((value) => 2 * value),
        }));
        assertTensors(doubled, await unpack(gradients), 1e-3);
      }
    });
  });
}
