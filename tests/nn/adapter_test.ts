import {
  adapterLayout,
  type LoraShape,
  type LoraTarget,
} from "../../src/nn/layout.ts";
import type { HostTensor, TreeInput } from "../../src/nn/policy.ts";
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

/** Several projections of one matrix, one alone, a rank that is padded. */
const LORA: LoraShape = {
  rank: 3,
  scale: 1.5,
  targets: ["q_proj", "v_proj", "o_proj", "up_proj", "down_proj"],
};

/** An adapter's tensors; B too is not zero, as it would be at first. */
function adapterWeights(lora: LoraShape): HostTensor[] {
  return adapterLayout(SMALL_SHAPE, lora).flatMap(({ parts }) =>
    parts.map(({ name, shape }) => ({
      name,
      shape,
      data: hashed(name, shape[0]! * shape[1]!, 0.3),
    }))
  );
}

/** The base's weights with W + scale · B · A in place of what is adapted, in float64. */
function merged(
  lora: LoraShape,
  adapter: ReadonlyMap<string, ArrayLike<number>>,
) {
  const result = new Map<string, ArrayLike<number>>();
  for (const { name, shape, data } of hashedWeights(SMALL_SHAPE)) {
    const stem = `base_model.model.${name.replace(/\.weight$/, "")}`;
    const A = adapter.get(`${stem}.lora_A.weight`);
    const B = adapter.get(`${stem}.lora_B.weight`);
    const columns = shape[1]!;
    result.set(
      name,
      !A || !B ? data : Float64Array.from(data, (w, i) => {
        const row = Math.floor(i / columns), column = i % columns;
        let sum = 0;
        for (let r = 0; r < lora.rank; r++) {
          sum += B[row * lora.rank + r]! * A[r * columns + column]!;
        }
        return w + lora.scale * sum;
      }),
    );
  }
  return result;
}

function adaptedPolicy(lora: LoraShape, weights = adapterWeights(lora)) {
  return testPolicy(planner, { adapter: { lora, weights } });
}

function derivatives({ targets }: TreeInput) {
  return {
    logprob: hashed("by logprob", targets.length),
    entropy: hashed("by entropy", targets.length, 0.5),
  };
}

const STEP = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 0,
};

Deno.test("GpuPolicy with an adapter scores and differentiates as the merged weights do", async () => {
  const policy = adaptedPolicy(LORA);
  const adapter = new Map<string, ArrayLike<number>>(
    adapterWeights(LORA).map(({ name, data }) => [name, data]),
  );
  const input = randomInput("adapted", 50);
  const scores = await policy.forward(input);
  const expected = referenceScores(SMALL_SHAPE, merged(LORA, adapter), input);
  assertClose(scores.logprob, expected.logprob, { tolerance: 1e-5 });
  assertClose(scores.entropy, expected.entropy, { tolerance: 1e-5 });
  const by = derivatives(input);
  policy.backward(by);
  const gradients = await gradientsOf(policy);
  assertEquals([...gradients.keys()].sort(), [...adapter.keys()].sort());
  for (const [name, data] of adapter) {
    const gradient = gradients.get(name)!;
    const peak = Math.max(...gradient.map(Math.abs));
    assertTrue(peak > 1e-3, name);
    const entries = [
      0,
      Math.floor(data.length / 2),
      gradient.findIndex((x) => Math.abs(x) === peak),
    ];
    const numeric = numericGradient(
      (changed) => {
        const at = merged(LORA, new Map(adapter).set(name, changed));
        const { logprob, entropy } = referenceScores(SMALL_SHAPE, at, input);
        return dot(by.logprob, logprob) + dot(by.entropy, entropy);
      },
      data,
      entries,
    );
    assertClose(entries.map((entry) => gradient[entry]!), numeric, {
      tolerance: 1e-4,
      name,
    });
  }
});

Deno.test("GpuPolicy with an adapter whose B is zero is the base, and its reference stays so", async () => {
  const fresh = adapterWeights(LORA).map((tensor) =>
    tensor.name.includes("lora_B")
      ? { ...tensor, data: new Float32Array(tensor.data.length) }
      : tensor
  );
  const policy = adaptedPolicy(LORA, fresh);
  const input = randomInput("base", 50);
  const base = await testPolicy(planner).forward(input);
  assertClose((await policy.forward(input)).logprob, base.logprob);
  policy.backward(derivatives(input));
  await policy.step(STEP);
  const trained = await policy.forward(input);
  assertTrue(
    trained.logprob.some((x, i) => Math.abs(x - base.logprob[i]!) > 0.01),
  );
  assertClose((await policy.reference(input)).logprob, base.logprob);
  assertEquals(await policy.forward(input), trained);
});

Deno.test("GpuPolicy with an adapter trains it alone, and keeps its padding at zero", async () => {
  const target: LoraTarget[] = ["k_proj", "v_proj", "gate_proj"];
  const lora = { rank: 5, scale: 0.7, targets: target };
  const policy = adaptedPolicy(lora);
  const input = randomInput("steps", 50);
  const before = await policy.weights.base.read();
  for (let step = 0; step < 3; step++) {
    await policy.forward(input);
    policy.backward(derivatives(input));
    await policy.step({ ...STEP, weightDecay: 0.1 });
  }
  assertEquals(await policy.weights.base.read(), before);
  // What is read back is all there is: put into a fresh policy, it scores the same.
  const again = adaptedPolicy(lora, [...await policy.parameters.read()]);
  assertEquals(await again.forward(input), await policy.forward(input));
});
