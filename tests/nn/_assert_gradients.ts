import type { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import type { TreeInput } from "../../src/nn/policy.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { dot, numericGradient } from "../kernels/_numeric_gradient.ts";
import type { ReferenceScores, ReferenceWeights } from "./_reference_model.ts";
import { derivativesOf, gradientsOf } from "./_test_policy.ts";

/**
 * Takes a policy forward and backward on `input`, and holds its scores and the gradients of a loss that is linear in
 * them against a reference in float64 and its central differences.
 *
 * @param weights All that the policy trains, by name.
 * @param scoresOf The reference, under weights some of which differ.
 * @returns The gradients, by name.
 */
export async function assertGradients(
  policy: GpuPolicy,
  input: TreeInput,
  weights: ReferenceWeights,
  scoresOf: (weights: ReferenceWeights) => ReferenceScores,
): Promise<ReadonlyMap<string, Float32Array>> {
  const expected = scoresOf(weights);
  const scores = await policy.forward(input);
  assertClose(scores.logprob, expected.logprob, { tolerance: 1e-5 });
  assertClose(scores.entropy, expected.entropy, { tolerance: 1e-5 });
  const by = derivativesOf(input);
  policy.backward(by);
  const gradients = await gradientsOf(policy);
  assertEquals([...gradients.keys()].sort(), [...weights.keys()].sort());
  for (const [name, data] of weights) {
    const gradient = gradients.get(name)!;
    // Entries here and there, and the one that matters most.
    const peak = Math.max(...gradient.map(Math.abs));
    assertTrue(peak > 1e-3, name);
    const entries = [0.1, 0.5, 0.9].map((share) =>
      Math.floor(share * data.length)
    );
    entries.push(gradient.findIndex((x) => Math.abs(x) === peak));
    const numeric = numericGradient(
      (changed) => {
        const at = scoresOf(new Map(weights).set(name, changed));
        return dot(by.logprob, at.logprob) + dot(by.entropy, at.entropy);
      },
      data,
      entries,
    );
    assertClose(entries.map((entry) => gradient[entry]!), numeric, {
      tolerance: 1e-4,
      name,
    });
  }
  return gradients;
}
