import { Decoder } from "../../src/nn/decoder.ts";
import { headOf } from "../../src/nn/holder_of.ts";
import type { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import { adapterLayout, type LoraShape } from "../../src/nn/layout.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import { Scheduler } from "../../src/nn/scheduler.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { dot, numericGradient } from "../kernels/_numeric_gradient.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import { referenceScores, type ReferenceWeights } from "./_reference_model.ts";
import {
  gradientsOf,
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

/** An adapter's tensors, none of them as it would be at first. */
function adapterWeights(
  shape: TransformerShape,
  lora: LoraShape,
  seed = "",
): HostTensor[] {
  return adapterLayout(shape, lora).flatMap(({ parts }) =>
    parts.map(({ name, shape }) => {
      const count = shape.reduce((product, size) => product * size, 1);
      const data = hashed(`${seed}${name}`, count, 0.3);
      return {
        name,
        shape,
        data: shape.length > 1 ? data : data.map((x) => x + 1),
      };
    })
  );
}

/** The weights of a model with a head of its own that computes what the base does under the adapter, in float64. */
function merged(
  shape: TransformerShape,
  lora: LoraShape,
  adapter: ReferenceWeights,
): ReferenceWeights {
  const weights = new Map<string, ArrayLike<number>>(
    hashedWeights(shape).map(({ name, data }) => [name, data]),
  );
  const embedding = weights.get("model.embed_tokens.weight")!;
  if (shape.tieEmbeddings) weights.set("lm_head.weight", embedding);
  for (const [name, data] of adapter) {
    const path = name.replace("base_model.model.", "");
    if (weights.has(path)) weights.set(path, data);
    if (lora.tied && path.includes("embed_tokens")) {
      weights.set("lm_head.weight", data);
    }
    if (!path.endsWith(".lora_A.weight")) continue;
    const B = adapter.get(name.replace("lora_A", "lora_B"))!;
    const matrix = path.replace(".lora_A", "");
    const W = weights.get(matrix)!;
    const columns = data.length / lora.rank;
    weights.set(
      matrix,
      Float64Array.from(W, (w, i) => {
        const row = Math.floor(i / columns), column = i % columns;
        let sum = 0;
        for (let r = 0; r < lora.rank; r++) {
          sum += B[row * lora.rank + r]! * data[r * columns + column]!;
        }
        return w + lora.scale * sum;
      }),
    );
  }
  return weights;
}

function openPolicy(name: string, bindingBytes?: number): GpuPolicy {
  const { shape, lora } = CASES[name]!;
  return testPolicy(planner, {
    shape,
    adapter: { lora, weights: adapterWeights(shape, lora) },
    ...(bindingBytes !== undefined && { bindingBytes }),
  });
}

function derivatives(count: number) {
  return {
    logprob: hashed("by logprob", count),
    entropy: hashed("by entropy", count, 0.5),
  };
}

const STEP = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  maxGradNorm: 1,
};

for (const [name, { shape, lora }] of Object.entries(CASES)) {
  Deno.test(`GpuPolicy with modules beside LoRA scores and differentiates as the merged weights do (${name})`, async () => {
    const untied = { ...shape, tieEmbeddings: false };
    const adapter = new Map<string, ArrayLike<number>>(
      adapterWeights(shape, lora).map(({ name, data }) => [name, data]),
    );
    const input = randomInput(name, 40, shape.vocabSize);
    const by = derivatives(input.targets.length);
    const scoresOf = (adapter: ReferenceWeights) =>
      referenceScores(untied, merged(shape, lora, adapter), input);
    const expected = scoresOf(adapter);
    const policy = openPolicy(name);
    const scores = await policy.forward(input);
    assertClose(scores.logprob, expected.logprob, { tolerance: 1e-5 });
    assertClose(scores.entropy, expected.entropy, { tolerance: 1e-5 });
    policy.backward(by);
    const gradients = await gradientsOf(policy);
    assertEquals([...gradients.keys()].sort(), [...adapter.keys()].sort());
    for (const [tensor, data] of adapter) {
      const gradient = gradients.get(tensor)!;
      const peak = Math.max(...gradient.map(Math.abs));
      assertTrue(peak > 1e-3, tensor);
      const entries = [
        Math.floor(0.3 * data.length),
        data.length - 1,
        gradient.findIndex((x) => Math.abs(x) === peak),
      ];
      const numeric = numericGradient(
        (changed) => {
          const { logprob, entropy } = scoresOf(
            new Map(adapter).set(tensor, changed),
          );
          return dot(by.logprob, logprob) + dot(by.entropy, entropy);
        },
        data,
        entries,
      );
      assertClose(entries.map((entry) => gradient[entry]!), numeric, {
        tolerance: 1e-4,
        name: tensor,
      });
    }
    // In several bindings, to the same numbers but for the order of sums.
    const windowed = openPolicy(name, BINDING_BYTES);
    const { key, holder } = headOf(windowed.weights);
    assertTrue(holder.windows(key).length > 1);
    const again = await windowed.forward(input);
    assertClose(again.logprob, expected.logprob, { tolerance: 1e-5 });
    windowed.backward(by);
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
        policy.backward(derivatives(input.targets.length));
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
  const weights = adapterWeights(shape, lora);
  const others = adapterWeights(shape, lora, "critic ");
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
      policy.backward(derivatives(input.targets.length), name);
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
