import { ModelError, UserError } from "../../src/errors.ts";
import { pack, unpack } from "../../src/nn/half.ts";
import type { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertThrows,
  assertTrue,
} from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import {
  gradientsOf,
  PLAIN_STEP,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();
const STEP = { ...PLAIN_STEP, weightDecay: 0.1 };

/** One step's gradients, from a batch named `name`. */
async function differentiate(policy: GpuPolicy, name: string): Promise<void> {
  const input = randomInput(name, 40);
  await policy.forward(input);
  policy.backward({
    logprob: hashed(`${name}.logprob`, input.targets.length),
    entropy: new Float32Array(input.targets.length),
  });
}

async function weightsOf(policy: GpuPolicy) {
  const tensors = await policy.weightsOf();
  return new Map(tensors.map(({ name, data }) => [name, data]));
}

Deno.test("GpuPolicy.step() is AdamW over all parameters, clipped by their global norm, decaying matrices only", async () => {
  const policy = testPolicy(planner);
  const expected = new Map(
    hashedWeights(SMALL_SHAPE).map(({ name, shape, data }) => [name, {
      decay: shape.length > 1 ? STEP.weightDecay : 0,
      P: Float64Array.from(data),
      m: new Float64Array(data.length),
      v: new Float64Array(data.length),
    }]),
  );
  for (const [i, maxGradNorm] of [0, 0.5, 1e9].entries()) {
    await differentiate(policy, `step ${i}`);
    const gradients = await gradientsOf(policy);
    const norm = Math.hypot(
      ...[...gradients.values()].map((data) => Math.hypot(...data)),
    );
    const { gradNorm } = await policy.step({ ...STEP, maxGradNorm });
    assertAlmostEquals(gradNorm, norm, 1e-5 * norm);
    assertTrue(norm > 0.5);
    const clip = maxGradNorm > 0 ? Math.min(1, maxGradNorm / norm) : 1;
    for (const [name, { decay, P, m, v }] of expected) {
      const t = i + 1;
      gradients.get(name)!.forEach((raw, j) => {
        const g = raw * clip;
        m[j] = STEP.beta1 * m[j]! + (1 - STEP.beta1) * g;
        v[j] = STEP.beta2 * v[j]! + (1 - STEP.beta2) * g * g;
        const first = m[j]! / (1 - STEP.beta1 ** t);
        const second = v[j]! / (1 - STEP.beta2 ** t);
        P[j]! -= STEP.learningRate *
          (first / (Math.sqrt(second) + STEP.epsilon) + decay * P[j]!);
      });
    }
    for (const [name, data] of await gradientsOf(policy)) {
      assertTrue(data.every((x) => x === 0), name);
    }
  }
  for (const [name, data] of await weightsOf(policy)) {
    assertClose(data, expected.get(name)!.P, { tolerance: 5e-6, name });
  }
  const { step, m, v } = await policy.optimizer();
  assertEquals(step, 3);
  for (const { name, data } of m) {
    assertClose(data, expected.get(name)!.m, { tolerance: 5e-6, name });
  }
  for (const { name, data } of v) {
    assertClose(data, expected.get(name)!.v, { tolerance: 5e-6, name });
  }
});

Deno.test("GpuPolicy goes on to the same bits from saved weights and optimizer state", async () => {
  const policy = testPolicy(planner);
  await differentiate(policy, "before");
  await policy.step(STEP);
  const weights = await policy.weightsOf();
  const state = await policy.optimizer();
  const resumed = testPolicy(planner);
  resumed.load(weights);
  resumed.loadOptimizer(state);
  for (const one of [policy, resumed]) {
    await differentiate(one, "after");
    await one.step(STEP);
  }
  assertEquals(await weightsOf(resumed), await weightsOf(policy));
  assertEquals(await resumed.optimizer(), await policy.optimizer());
});

Deno.test("GpuPolicy.reference() scores under the weights it was opened with, and leaves the trained ones as they are", async () => {
  const policy = testPolicy(planner);
  const input = randomInput("reference", 40);
  const opened = await policy.forward(input);
  assertEquals(await policy.reference(input), opened);
  await differentiate(policy, "away");
  await policy.step(STEP);
  const trained = await policy.forward(input);
  assertTrue(trained.logprob.some((x, i) => x !== opened.logprob[i]));
  const weights = await weightsOf(policy);
  for (let twice = 0; twice < 2; twice++) {
    assertEquals(await policy.reference(input), opened);
    assertEquals(await policy.forward(input), trained);
  }
  assertEquals(await weightsOf(policy), weights);
  // Gradients gathered so far survive a reference pass too.
  await differentiate(policy, "gathered");
  const gathered = await gradientsOf(policy);
  await policy.reference(input);
  assertEquals(await gradientsOf(policy), gathered);
});

Deno.test("GpuPolicy.reference() leaves the trained weights in force when it fails", async () => {
  const policy = testPolicy(planner);
  await differentiate(policy, "failing");
  await policy.step(STEP);
  const weights = await weightsOf(policy);
  await assertRejects(
    () => policy.reference(randomInput("too large", 200)),
    UserError,
  );
  assertEquals(await weightsOf(policy), weights);
});

Deno.test("GpuPolicy opened for inference refuses to train, and keeps its weights whatever is called", async () => {
  const policy = testPolicy(planner, { trained: false });
  const input = randomInput("inference", 40);
  const scores = await policy.forward(input);
  assertEquals(scores, await testPolicy(planner).forward(input));
  const refused = "opened for inference only";
  const none = { logprob: new Float32Array(), entropy: new Float32Array() };
  assertThrows(() => policy.backward(none), UserError, refused);
  await assertRejects(() => policy.step(STEP), UserError, refused);
  await assertRejects(() => policy.optimizer(), UserError, refused);
  assertThrows(
    () => policy.loadOptimizer({ step: 1, m: [], v: [] }),
    UserError,
    refused,
  );
  assertThrows(() => policy.discard(), UserError, refused);
  assertEquals(await policy.forward(input), scores);
});

Deno.test("GpuPolicy.discard() zeroes the gradients and nothing else", async () => {
  const policy = testPolicy(planner);
  await differentiate(policy, "discarded");
  policy.discard();
  for (const [name, data] of await gradientsOf(policy)) {
    assertTrue(data.every((x) => x === 0), name);
  }
  const weights = new Map(
    hashedWeights(SMALL_SHAPE).map(({ name, data }) => [name, data]),
  );
  assertEquals(await weightsOf(policy), weights);
});

Deno.test("GpuPolicy names a weight that is missing or of another shape", () => {
  const weights = hashedWeights(SMALL_SHAPE);
  assertThrows(
    () => testPolicy(planner, { weights: weights.slice(1) }),
    ModelError,
    weights[0]!.name,
  );
  const [first, ...rest] = weights;
  const wrong = { ...first!, shape: [first!.shape[1]!, first!.shape[0]!] };
  assertThrows(
    () => testPolicy(planner, { weights: [wrong, ...rest] }),
    ModelError,
    "[20,70]",
  );
});

Deno.test("GpuPolicy holds frozen matrices in half precision, and scores as their rounded values do", async () => {
  const input = randomInput("half", 40);
  for (const dtype of ["f16", "bf16"] as const) {
    const rounded = hashedWeights(SMALL_SHAPE).map((tensor) =>
      tensor.shape.length === 1 ? tensor : {
        ...tensor,
        data: unpack(pack(tensor.data, dtype).buffer as ArrayBuffer, dtype),
      }
    );
    const exact = testPolicy(planner, { weights: rounded, trained: false });
    const half = testPolicy(planner, { trained: false, dtype });
    assertEquals(await half.forward(input), await exact.forward(input));
  }
});
