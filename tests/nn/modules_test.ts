import { Decoder } from "../../src/nn/decoder.ts";
import { headOf } from "../../src/nn/holder_of.ts";
import type { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import type { LoraShape } from "../../src/nn/layout.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import { Scheduler } from "../../src/nn/scheduler.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { assertGradients } from "./_assert_gradients.ts";
import { hashedAdapter, mergedWeights } from "./_hashed_adapter.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import { referenceScores, type ReferenceWeights } from "./_reference_model.ts";
import {
  derivativesOf,
  gradientsOf,
  PLAIN_STEP,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();

const FACTORS = {
  rank: 3,
  scale: 1.5,
  targets: ["v_proj", "up_proj"],
} as const;
const TIED: TransformerShape = { ...SMALL_SHAPE, vocabSize: 150 };
const UNTIED: TransformerShape = {
  ...SMALL_SHAPE,
  vocabSize: 270,
  qkNorm: false,
  attentionBias: true,
  tieEmbeddings: false,
};

/** Adapters with modules, over what they stand. */
const CASES: Readonly<
  Record<string, { readonly shape: TransformerShape; readonly lora: LoraShape }>
> = {
  "one table, every norm": {
    shape: TIED,
    lora: {
      ...FACTORS,
      modules: [
        "embed_tokens",
        "input_layernorm",
        "post_attention_layernorm",
        "q_norm",
        "k_norm",
        "model.norm",
        "lm_head",
      ],
      tied: true,
    },
  },
  "an embedding that parts from the head": {
    shape: TIED,
    lora: { ...FACTORS, modules: ["embed_tokens", "k_norm"] },
  },
  "a head that parts from the embedding": {
    shape: TIED,
    lora: { ...FACTORS, modules: ["q_norm", "lm_head"] },
  },
  "embedding and head, each its own": {
    shape: UNTIED,
    lora: { ...FACTORS, modules: ["embed_tokens", "model.norm", "lm_head"] },
  },
  "one norm of each layer": {
    shape: UNTIED,
    lora: { ...FACTORS, modules: ["post_attention_layernorm"] },
  },
};
/** So few that an embedding is bound in two pieces or more: room for 64 rows of gate and up. */
const BINDING_BYTES = 64 * 2 * SMALL_SHAPE.feedForward * 4;

function openPolicy(name: string, bindingBytes?: number): GpuPolicy {
  const { shape, lora } = CASES[name]!;
  return testPolicy(planner, {
    shape,
    adapter: { lora, weights: hashedAdapter(shape, lora) },
    ...(bindingBytes !== undefined && { bindingBytes }),
  });
}

const STEP = { ...PLAIN_STEP, weightDecay: 0.1, maxGradNorm: 1 };

for (const [name, { shape, lora }] of Object.entries(CASES)) {
  Deno.test(`GpuPolicy with modules beside LoRA scores and differentiates as the merged weights do (${name})`, async () => {
    const untied = { ...shape, tieEmbeddings: false };
    const adapter = new Map(
      hashedAdapter(shape, lora).map(({ name, data }) => [name, data]),
    );
    const input = randomInput(name, 40, shape.vocabSize);
    const scoresOf = (adapter: ReferenceWeights) =>
      referenceScores(untied, mergedWeights(shape, lora, adapter), input);
    const gradients = await assertGradients(
      openPolicy(name),
      input,
      adapter,
      scoresOf,
    );
    // In several bindings, to the same numbers but for the order of sums.
    const windowed = openPolicy(name, BINDING_BYTES);
    const { key, holder } = headOf(windowed.weights);
    assertTrue(holder.windows(key).length > 1);
    const again = await windowed.forward(input);
    assertClose(again.logprob, scoresOf(adapter).logprob, { tolerance: 1e-5 });
    windowed.backward(derivativesOf(input));
    for (const [tensor, gradient] of await gradientsOf(windowed)) {
      assertClose(gradient, gradients.get(tensor)!, {
        tolerance: 1e-5,
        name: tensor,
      });
    }
    planner.gpu.check();
  });

  Deno.test(`GpuPolicy with modules beside LoRA steps them alone, and refers to the model's own (${name})`, async () => {
    const input = randomInput(name, 40, shape.vocabSize);
    const opened = await testPolicy(planner, { shape }).forward(input);
    const results = [];
    for (const bindingBytes of [undefined, BINDING_BYTES]) {
      const policy = openPolicy(name, bindingBytes);
      const base = await policy.weights.base.read();
      for (let step = 0; step < 2; step++) {
        await policy.forward(input);
        policy.backward(derivativesOf(input));
        await policy.step(STEP);
      }
      assertEquals(await policy.weights.base.read(), base);
      const trained = await policy.forward(input);
      for (let twice = 0; twice < 2; twice++) {
        const { logprob } = await policy.reference(input);
        assertClose(logprob, opened.logprob, { tolerance: 1e-6 });
        assertEquals(await policy.forward(input), trained);
      }
      assertTrue(
        trained.logprob.some((x, i) => Math.abs(x - opened.logprob[i]!) > 0.1),
      );
      // What is read back is all there is, and what AdamW remembers goes along.
      const weights = await policy.parameters.read();
      const other = testPolicy(planner, { shape, adapter: { lora, weights } });
      assertClose((await other.forward(input)).logprob, trained.logprob);
      results.push(new Map(weights.map(({ name, data }) => [name, data])));
      const { m } = await policy.optimizer();
      assertEquals(m.map(({ name }) => name), weights.map(({ name }) => name));
      assertTrue(m.every(({ data }) => data.some((x) => x !== 0)));
    }
    for (const [tensor, data] of results[0]!) {
      assertClose(results[1]!.get(tensor)!, data, {
        tolerance: 1e-4,
        name: tensor,
      });
    }
  });

  Deno.test(`Decoder samples under modules beside LoRA what the policy scores (${name})`, async () => {
    for (const bindingBytes of [undefined, BINDING_BYTES]) {
      const policy = openPolicy(name, bindingBytes);
      const scheduler = new Scheduler(
        new Decoder(planner, shape, policy.weights, {
          maxBatch: 2,
          maxContext: 40,
          cacheTokens: 80,
          prefillRows: 5,
          stepsPerSubmission: 8,
        }),
      );
      const prompt = [3, 1, 4, 1, 5, 9];
      scheduler.add({
        id: 0,
        tokens: prompt,
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        seed: 7,
        maxTokens: 24,
        stopTokens: [],
      });
      const tokens = [...prompt], logprobs: number[] = [];
      while (scheduler.running + scheduler.waiting > 0) {
        for (const progress of await scheduler.step()) {
          tokens.push(...progress.tokens);
          logprobs.push(...progress.logprobs);
        }
      }
      assertEquals(logprobs.length, 24);
      const targets = Uint32Array.from(logprobs, (_, i) => prompt.length + i);
      const { logprob } = await policy.forward({
        tokens: Uint32Array.from(tokens),
        positions: Uint32Array.from(tokens.keys()),
        parents: Int32Array.from(tokens, (_, i) => i - 1),
        visibleUntil: new Uint32Array(tokens.length).fill(tokens.length),
        targets,
        temperature: new Float32Array(targets.length).fill(1),
      });
      assertClose(logprobs, logprob, { tolerance: 1e-5 });
    }
  });
}

Deno.test("GpuPolicy holds a module that is trained beside LoRA once", async () => {
  for (const [name, { shape, lora }] of Object.entries(CASES)) {
    const policy = openPolicy(name);
    const base = (await policy.weights.base.read()).map(({ name }) => name);
    const own = (await policy.parameters.read()).map(({ name }) =>
      name.replace("base_model.model.", "")
    );
    const shared = base.filter((name) => own.includes(name));
    // The head reads on from the table that its embedding has left.
    const parts = shape.tieEmbeddings && !lora.tied &&
      !lora.modules!.includes("lm_head");
    assertEquals(shared, parts ? ["model.embed_tokens.weight"] : [], name);
    const all = hashedWeights(shape).map(({ name }) => name);
    assertEquals(
      all.filter((name) => !base.includes(name) && !own.includes(name)),
      [],
    );
  }
});

Deno.test("GpuPolicy trains two adapters with modules in turn to the bits that each comes to alone", async () => {
  const { shape, lora } = CASES["one table, every norm"]!;
  const weights = hashedAdapter(shape, lora);
  const others = hashedAdapter(shape, lora, "critic ");
  const policyOf = (
    weights: HostTensor[],
    others?: ReadonlyMap<string, HostTensor[]>,
  ) =>
    testPolicy(planner, {
      shape,
      adapter: { lora, weights, ...(others && { others }) },
    });
  const both = policyOf(weights, new Map([["critic", others]]));
  const alone = { default: policyOf(weights), critic: policyOf(others) };
  const input = randomInput("held out", 40, shape.vocabSize);
  const opened = await testPolicy(planner, { shape }).forward(input);
  for (const adapter of ["default", "critic", "critic", "default"] as const) {
    const told = [];
    for (
      const [policy, name] of [
        [both, adapter],
        [alone[adapter], "default"],
      ] as const
    ) {
      const scores = await policy.forward(input, { adapter: name });
      policy.backward(derivativesOf(input), name);
      told.push([scores, await policy.step(STEP, name)]);
    }
    assertEquals(told[0], told[1]);
    const { logprob } = await both.reference(input);
    assertClose(logprob, opened.logprob, { tolerance: 1e-6 });
  }
  for (const adapter of ["default", "critic"] as const) {
    const trained = await alone[adapter].weightsOf();
    assertEquals(await both.weightsOf(adapter), trained);
  }
});
