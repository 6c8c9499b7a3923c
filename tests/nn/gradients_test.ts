import type { TransformerShape } from "../../src/nn/shape.ts";
import { assertGradients } from "./_assert_gradients.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import { referenceScores } from "./_reference_model.ts";
import { randomInput, testPlanner, testPolicy } from "./_test_policy.ts";

const planner = await testPlanner();

const SHAPES: Readonly<Record<string, TransformerShape>> = {
  "normalised heads, grouped queries, tied head": SMALL_SHAPE,
  "bias, one key head for three, head of its own in several stretches": {
    ...SMALL_SHAPE,
    hiddenSize: 12,
    heads: 3,
    kvHeads: 1,
    headDim: 4,
    vocabSize: 300,
    qkNorm: false,
    attentionBias: true,
    tieEmbeddings: false,
  },
  "sliding window, bias on the output": {
    ...SMALL_SHAPE,
    heads: 2,
    headDim: 12,
    qkNorm: false,
    attentionBias: true,
    outputBias: true,
    slidingWindow: 4,
  },
};

for (const [name, shape] of Object.entries(SHAPES)) {
  Deno.test(`Transformer scores and differentiates a forest (${name})`, async () => {
    // Room for many nodes leaves less for logits, so that the vocabulary comes in stretches.
    const maxNodes = shape.vocabSize > 256 ? 32_768 : 128;
    const policy = testPolicy(planner, { shape, maxNodes });
    const input = randomInput(name, 50, shape.vocabSize);
    const weights = new Map(
      hashedWeights(shape).map(({ name, data }) => [name, data]),
    );
    await assertGradients(
      policy,
      input,
      weights,
      (weights) => referenceScores(shape, weights, input),
    );
    planner.gpu.check();
  });
}
