import type { TransformerShape } from "../../src/nn/shape.ts";
import type { TreeInput } from "../../src/nn/policy.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { dot, numericGradient } from "../kernels/_numeric_gradient.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import { referenceScores } from "./_reference_model.ts";
import {
  gradientsOf,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

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

/** Derivatives of a loss that is linear in the scores. */
function derivativesOf(input: TreeInput) {
  const P = input.targets.length;
  return {
    logprob: hashed("by logprob", P),
    entropy: hashed("by entropy", P, 0.5),
  };
}

for (const [name, shape] of Object.entries(SHAPES)) {
  Deno.test(`Transformer scores and differentiates a forest (${name})`, async () => {
    // Room for many nodes leaves less for logits, so that the vocabulary comes in stretches.
    const maxNodes = shape.vocabSize > 256 ? 32_768 : 128;
    const policy = testPolicy(planner, { shape, maxNodes });
    const input = randomInput(name, 50, shape.vocabSize);
    const weights = new Map<string, ArrayLike<number>>(
      hashedWeights(shape).map(({ name, data }) => [name, data]),
    );
    const expected = referenceScores(shape, weights, input);
    const scores = await policy.forward(input);
    assertClose(scores.logprob, expected.logprob, { tolerance: 1e-5 });
    assertClose(scores.entropy, expected.entropy, { tolerance: 1e-5 });

    const derivatives = derivativesOf(input);
    policy.backward(derivatives);
    const gradients = await gradientsOf(policy);
    assertEquals([...gradients.keys()].sort(), [...weights.keys()].sort());
    for (const [tensor, data] of weights) {
      const gradient = gradients.get(tensor)!;
      // Entries here and there, and the one that matters most.
      const peak = Math.max(...gradient.map(Math.abs));
      const entries = [0.1, 0.5, 0.9].map((share) =>
        Math.floor(share * data.length)
      );
      entries.push(gradient.findIndex((x) => Math.abs(x) === peak));
      const numeric = numericGradient(
        (changed) => {
          const at = new Map(weights).set(tensor, changed);
          const { logprob, entropy } = referenceScores(shape, at, input);
          return dot(derivatives.logprob, logprob) +
            dot(derivatives.entropy, entropy);
        },
        data,
        entries,
      );
      assertTrue(peak > 1e-3, tensor);
      assertClose(entries.map((entry) => gradient[entry]!), numeric, {
        tolerance: 1e-4,
        name: tensor,
      });
    }
    planner.gpu.check();
  });
}
