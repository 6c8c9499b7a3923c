import golden from "../golden/transformers/golden.json" with { type: "json" };
import { type JsonObject, parseModelConfig } from "../../src/model/mod.ts";
import { Decoder } from "../../src/nn/decoder.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import { Scheduler } from "../../src/nn/scheduler.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { dot } from "../kernels/_numeric_gradient.ts";
import { forestOf } from "./_forest.ts";
import { everyTarget, testPlanner, testPolicy } from "./_test_policy.ts";

const planner = await testPlanner();

/** A tensor's norm, then its products with hashed vectors, as `make.py` has them. */
type Sketch = readonly number[];

function sketchOf({ name, data }: HostTensor, vectors: number): Sketch {
  const products = Array.from(
    { length: vectors },
    (_, k) => dot(data, hashed(`projection ${k} ${name}`, data.length)),
  );
  return [Math.sqrt(dot(data, data)), ...products];
}

/** Fails unless a tensor's sketch is that of `expected`, to a share of its norm. */
function assertSketch(
  tensor: HostTensor,
  expected: Sketch,
  tolerance: number,
): void {
  const [norm, ...products] = sketchOf(tensor, expected.length - 1);
  assertClose([norm!], [expected[0]!], { tolerance, name: tensor.name });
  // A vector of hashed numbers meets an error of unit length with a product of about 0.6.
  products.forEach((product, k) => {
    const off = Math.abs(product - expected[k + 1]!);
    assertTrue(off <= 3 * tolerance * expected[0]!, `${tensor.name}: ${off}`);
  });
}

for (const model of golden.models) {
  Deno.test(`GpuPolicy scores, differentiates and steps as transformers and PyTorch do (${model.name})`, async () => {
    const shape = parseModelConfig(model.config as JsonObject);
    const policy = testPolicy(planner, { shape });
    const tokens = model.sequences.flat();
    const starts = model.sequences.map((_, i) =>
      model.sequences.slice(0, i).flat().length
    );
    const parents = Int32Array.from(
      tokens,
      (_, i) => starts.includes(i) ? -1 : i - 1,
    );
    const input = everyTarget(forestOf(parents, Uint32Array.from(tokens)));
    const expected = model.logprobs.flat();
    const weights = model.sequences.flatMap(({ length }, i) => [
      ...hashed(`${model.name} weights ${i}`, length - 1),
    ]);
    const derivatives = {
      logprob: Float32Array.from(weights, (weight) => -weight),
      entropy: new Float32Array(weights.length),
    };
    const norms = [];
    for (let step = 0; step < 3; step++) {
      const { logprob } = await policy.forward(input);
      policy.backward(derivatives);
      if (step === 0) {
        expected.forEach((score, i) =>
          assertTrue(Math.abs(logprob[i]! - score) <= 2e-5, `logprob ${i}`)
        );
        const sketches = model.gradients as unknown as Record<string, Sketch>;
        const gradients = await policy.parameters.read("gradients");
        assertEquals(gradients.length, Object.keys(sketches).length);
        for (const gradient of gradients) {
          assertSketch(gradient, sketches[gradient.name]!, 1e-4);
        }
      }
      norms.push((await policy.step(golden.step)).gradNorm);
    }
    assertClose(norms, model.gradNorms, { tolerance: 1e-4 });
    const trained = model.trained as unknown as Record<string, Sketch>;
    for (const tensor of await policy.parameters.read()) {
      assertSketch(tensor, trained[tensor.name]!, 1e-4);
    }
  });

  Deno.test(`Scheduler continues a prompt as transformers does, greedily, through the cache (${model.name})`, async () => {
    const shape = parseModelConfig(model.config as JsonObject);
    const policy = testPolicy(planner, { shape, trained: false });
    const decoder = new Decoder(planner, shape, policy.weights, {
      maxBatch: 2,
      maxContext: 80,
      cacheTokens: 160,
      prefillRows: 5,
      stepsPerSubmission: 16,
    });
    const scheduler = new Scheduler(decoder);
    scheduler.add({
      id: 0,
      tokens: model.sequences[0]!.slice(0, 8),
      temperature: 0,
      topK: 0,
      topP: 1,
      minP: 0,
      seed: 0,
      maxTokens: 64,
      stopTokens: [],
    });
    const sampled: number[] = [];
    while (scheduler.running + scheduler.waiting > 0) {
      for (const { tokens } of await scheduler.step()) sampled.push(...tokens);
    }
    assertEquals(sampled, model.greedy);
  });
}
