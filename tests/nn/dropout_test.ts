import {
  LORA_TARGETS,
  type LoraShape,
  type LoraTarget,
} from "../../src/nn/layout.ts";
import type { TreeInput } from "../../src/nn/policy.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { dropoutMask } from "../kernels/_dropout.ts";
import { assertGradients } from "./_assert_gradients.ts";
import { hashedAdapter } from "./_hashed_adapter.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import { linear, referenceScores } from "./_reference_model.ts";
import {
  derivativesOf,
  gradientsOf,
  PLAIN_STEP,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();

const SEED = 0xfedc_ba98;
/** Several projections of one matrix, one alone, a rank that is padded. */
const LORA: LoraShape = {
  rank: 3,
  scale: 1.5,
  targets: ["q_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
  dropout: 0.3,
};
const STEP = { ...PLAIN_STEP, weightDecay: 0.1 };

const ADAPTER = hashedAdapter(SMALL_SHAPE, LORA);

function droppingPolicy(
  options: { readonly recompute?: boolean; readonly lora?: LoraShape } = {},
) {
  const { lora = LORA, recompute = false } = options;
  const adapter = { lora, weights: ADAPTER };
  return testPolicy(planner, { adapter, recompute, seed: SEED });
}

const masks = new Map<string, Float64Array>();

/** The mask of a pass; drawn once, since differentiation asks again and again. */
function maskOf(
  rows: number,
  options: Parameters<typeof dropoutMask>[1],
): Float64Array {
  const key = JSON.stringify([rows, options]);
  const mask = masks.get(key) ?? dropoutMask(rows, options);
  masks.set(key, mask);
  return mask;
}

/** Scores with W·x + scale · B·A·dropout(x) written out, in float64. */
function droppedScores(
  adapter: ReadonlyMap<string, ArrayLike<number>>,
  input: TreeInput,
  draw: { readonly step: number; readonly pass: number },
) {
  const base = new Map(
    hashedWeights(SMALL_SHAPE).map(({ name, data }) => [name, data]),
  );
  return referenceScores(SMALL_SHAPE, base, input, (x, { layer, name }) => {
    if (!LORA.targets.some((target) => target === name)) return undefined;
    const module = /^(q|k|v|o)_/.test(name) ? "self_attn" : "mlp";
    const factor = (letter: string) =>
      adapter.get(
        `base_model.model.model.layers.${layer}.${module}.${name}.lora_${letter}.weight`,
      )!;
    const T = input.tokens.length;
    const N = x.length / T;
    const stream = 7 * layer + LORA_TARGETS.indexOf(name as LoraTarget);
    const mask = maskOf(T, {
      N,
      p: LORA.dropout!,
      seed: SEED,
      stream,
      ...draw,
    });
    const low = linear(x.map((v, i) => v * mask[i]!), factor("A"), N);
    return linear(low, factor("B"), LORA.rank).map((y) => LORA.scale * y);
  });
}

Deno.test("GpuPolicy with dropout scores and differentiates under the masks of its step and pass", async () => {
  const policy = droppingPolicy();
  const input = randomInput("dropped", 50);
  await policy.step({ ...STEP, learningRate: 0 });
  await policy.forward(input);
  const adapter = new Map(ADAPTER.map(({ name, data }) => [name, data]));
  await assertGradients(
    policy,
    input,
    adapter,
    (adapter) => droppedScores(adapter, input, { step: 1, pass: 1 }),
  );
});

Deno.test("Recomputed activations see the masks of the forward pass, bit for bit", async () => {
  const results = [];
  for (const recompute of [false, true]) {
    const policy = droppingPolicy({ recompute });
    for (const batch of ["first", "second"]) {
      const input = randomInput(batch, 60);
      await policy.forward(input);
      policy.backward(derivativesOf(input));
    }
    results.push(await gradientsOf(policy));
  }
  const [kept, recomputed] = results;
  for (const [tensor, gradient] of kept!) {
    assertTrue(gradient.some((x) => x !== 0), tensor);
    assertEquals(recomputed!.get(tensor), gradient);
  }
});

Deno.test("GpuPolicy drops nothing where nothing is kept: its scores are those without dropout, bit for bit", async () => {
  const policy = droppingPolicy();
  const plain = droppingPolicy({ lora: { ...LORA, dropout: 0 } });
  const input = randomInput("scored", 50);
  const scores = await plain.forward(input);
  assertEquals(await policy.forward(input, { keep: false }), scores);
  const kept = await policy.forward(input);
  assertTrue(
    kept.logprob.some((x, i) => Math.abs(x - scores.logprob[i]!) > 0.01),
  );
  assertEquals(await policy.reference(input), await plain.reference(input));
  assertEquals(await policy.forward(input, { keep: false }), scores);
});

Deno.test("GpuPolicy draws other masks for each kept pass and step, and the same ones for the same", async () => {
  const policy = droppingPolicy();
  const input = randomInput("drawn", 50);
  const score = async () => (await policy.forward(input)).logprob;
  const first = await score();
  await policy.forward(input, { keep: false });
  await policy.reference(input);
  const second = await score();
  assertTrue(second.some((x, i) => x !== first[i]));
  policy.discard();
  assertEquals(await score(), first);
  assertEquals(await score(), second);
  await policy.step({ ...STEP, learningRate: 0 });
  const later = await score();
  assertTrue(later.some((x, i) => x !== first[i] && x !== second[i]));
});

Deno.test("GpuPolicy put back to a step goes on with that step's masks", async () => {
  const train = async (
    policy: ReturnType<typeof droppingPolicy>,
    steps: readonly number[],
  ) => {
    for (const step of steps) {
      for (const batch of ["left", "right"]) {
        const input = randomInput(`${batch} ${step}`, 40);
        await policy.forward(input);
        policy.backward(derivativesOf(input));
      }
      await policy.step(STEP);
    }
  };
  const whole = droppingPolicy();
  await train(whole, [0, 1]);
  const state = await whole.optimizer();
  const weights = await whole.parameters.read();
  await train(whole, [2, 3]);
  const resumed = droppingPolicy();
  // What it did before counts for nothing.
  await resumed.forward(randomInput("astray", 40));
  resumed.parameters.write(weights);
  resumed.loadOptimizer(state);
  await train(resumed, [2, 3]);
  assertEquals(await resumed.parameters.read(), await whole.parameters.read());
  assertEquals(await resumed.optimizer(), await whole.optimizer());
});
