import type { LoraShape, LoraTarget } from "../../src/nn/layout.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { assertGradients } from "./_assert_gradients.ts";
import { hashedAdapter, mergedWeights } from "./_hashed_adapter.ts";
import { SMALL_SHAPE } from "./_hashed_model.ts";
import { referenceScores } from "./_reference_model.ts";
import {
  derivativesOf,
  PLAIN_STEP,
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

function adaptedPolicy(
  lora: LoraShape,
  weights = hashedAdapter(SMALL_SHAPE, lora),
) {
  return testPolicy(planner, { adapter: { lora, weights } });
}

Deno.test("GpuPolicy with an adapter scores and differentiates as the merged weights do", async () => {
  const adapter = new Map(
    hashedAdapter(SMALL_SHAPE, LORA).map(({ name, data }) => [name, data]),
  );
  const untied = { ...SMALL_SHAPE, tieEmbeddings: false };
  const input = randomInput("adapted", 50);
  await assertGradients(adaptedPolicy(LORA), input, adapter, (adapter) => {
    const merged = mergedWeights(SMALL_SHAPE, LORA, adapter);
    return referenceScores(untied, merged, input);
  });
});

Deno.test("GpuPolicy with an adapter whose B is zero is the base, and its reference stays so", async () => {
  const fresh = hashedAdapter(SMALL_SHAPE, LORA).map((tensor) =>
    tensor.name.includes("lora_B")
      ? { ...tensor, data: new Float32Array(tensor.data.length) }
      : tensor
  );
  const policy = adaptedPolicy(LORA, fresh);
  const input = randomInput("base", 50);
  const base = await testPolicy(planner).forward(input);
  assertClose((await policy.forward(input)).logprob, base.logprob);
  policy.backward(derivativesOf(input));
  await policy.step(PLAIN_STEP);
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
    policy.backward(derivativesOf(input));
    await policy.step({ ...PLAIN_STEP, weightDecay: 0.1 });
  }
  assertEquals(await policy.weights.base.read(), before);
  // What is read back is all there is: put into a fresh policy, it scores the same.
  const again = adaptedPolicy(lora, [...await policy.parameters.read()]);
  assertEquals(await again.forward(input), await policy.forward(input));
});
