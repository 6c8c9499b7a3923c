import type { Generation, WebGpu } from "../../src/engine/mod.ts";
import { DeviceError, EngineError, ModelError } from "../../src/errors.ts";
import type { StepOptions, TreeInput } from "../../src/nn/policy.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { hashedWeights, SMALL_SHAPE } from "../nn/_hashed_model.ts";
import { randomInput } from "../nn/_test_policy.ts";
import { openSmall, prompt, sample, SAMPLING } from "./_test_engine.ts";

const STEP: StepOptions = {
  learningRate: 0.05,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 1,
};

function derivatives({ targets }: TreeInput) {
  return {
    logprob: hashed("derivatives", targets.length),
    entropy: new Float32Array(targets.length),
  };
}

Deno.test("openWebGpu() serves trained weights under their version once they are synced", async () => {
  await using small = await openSmall({ version: 3 });
  const { engine, policy } = small;
  assertEquals(engine.info, {
    kind: "webgpu",
    model: "small",
    maxContext: 100,
    policyVersion: 3,
  });
  const tokens = prompt("synced", 20);
  const before = await sample(small, tokens);
  assertEquals(before.policyVersion, 3);
  const input = randomInput("synced", 60);
  await policy.forward(input);
  await policy.backward(derivatives(input));
  const { gradNorm } = await policy.step(STEP);
  assertTrue(gradNorm > 0);
  assertEquals(policy.version, 1);
  await policy.sync(4);
  assertEquals(engine.info.policyVersion, 4);
  const after = await sample(small, tokens);
  assertEquals(after.policyVersion, 4);
  assertTrue(after.logprobs.some((x, i) => x !== before.logprobs[i]));
  // The cache kept nothing of the old weights: a fresh engine with the new ones says the same.
  await using fresh = await openSmall({
    weights: await policy.weights(),
    version: 4,
  });
  assertEquals(await sample(fresh, tokens), after);
  const [scores] = await engine.score([[...tokens, ...after.tokens]]);
  assertClose(scores!.subarray(tokens.length), after.logprobs, {
    tolerance: 1e-5,
  });
});

Deno.test("openWebGpu() ends what is being decoded under the old version before a sync", async () => {
  await using small = await openSmall();
  const running = sample(small, prompt("running", 5), { maxTokens: 60 });
  await small.policy.sync(1);
  const after = sample(small, prompt("running", 5), { maxTokens: 60 });
  const [first, second] = await Promise.all([running, after]);
  assertEquals([first.policyVersion, second.policyVersion], [0, 1]);
  assertEquals(first.tokens, second.tokens);
});

Deno.test("openWebGpu() never decodes one generation under two weights, nor from a cache of older ones", async () => {
  const tokens = prompt("mixed", 20);
  const changes = {
    step: async ({ policy }: WebGpu) => {
      const input = randomInput("mixed", 60);
      await policy.forward(input);
      await policy.backward(derivatives(input));
      await policy.step(STEP);
    },
    load: ({ policy }: WebGpu) =>
      policy.loadWeights(
        hashedWeights(SMALL_SHAPE).map((tensor) => ({
          ...tensor,
          data: tensor.data.map((x) => 0.9 * x),
        })),
      ),
  };
  for (const change of Object.values(changes)) {
    await using small = await openSmall();
    const expected = await sample(small, tokens, { maxTokens: 70 });
    const running = sample(small, tokens, { maxTokens: 70 });
    await change(small);
    assertEquals(await running, expected);
    // What comes before the weights have their version waits for it, or can be given up.
    let synced = false;
    const waiting = sample(small, tokens).finally(() => assertTrue(synced));
    const given = new AbortController();
    const cancelled = small.engine.generate({
      tokens,
      sampling: SAMPLING,
      signal: given.signal,
    });
    given.abort();
    assertEquals((await cancelled).finishReason, "abort");
    synced = true;
    await small.policy.sync(1);
    const after = await waiting;
    assertEquals(after.policyVersion, 1);
    await using fresh = await openSmall({
      weights: await small.policy.weights(),
      version: 1,
    });
    assertEquals(await sample(fresh, tokens), after);
  }
});

Deno.test("openWebGpu() names the weights that sampled each generation, whenever it is asked for", async () => {
  await using small = await openSmall();
  const { policy } = small;
  const input = randomInput("whenever", 60);
  const weights = new Map([[0, await policy.weights()]]);
  const asked: [number[], Promise<Generation>][] = [];
  const ask = () => {
    const tokens = prompt(`asked ${asked.length}`, 10 + asked.length);
    asked.push([tokens, sample(small, tokens, { maxTokens: 20 })]);
  };
  for (let round = 0; round < 2; round++) {
    for (let step = 0; step < 2; step++) { // between them the weights have no version
      ask();
      await policy.forward(input);
      ask();
      await policy.backward(derivatives(input));
      ask();
      const stepping = policy.step(STEP);
      ask();
      await stepping;
    }
    ask();
    await policy.sync(policy.version);
    weights.set(policy.version, await policy.weights());
  }
  ask();
  const generations = await Promise.all(asked.map(([, sampled]) => sampled));
  assertEquals(
    new Set(generations.map(({ policyVersion }) => policyVersion)),
    new Set([0, 2, 4]),
  );
  for (const [version, served] of weights) {
    await using fresh = await openSmall({ weights: served, version });
    for (const [at, generation] of generations.entries()) {
      if (generation.policyVersion !== version) continue;
      const tokens = asked[at]![0];
      assertEquals(await sample(fresh, tokens, { maxTokens: 20 }), generation);
    }
  }
});

Deno.test("openWebGpu() decodes between forward and backward without a trace in the gradients", async () => {
  const input = randomInput("between", 60);
  const norms: number[] = [];
  for (const between of [false, true]) {
    await using small = await openSmall();
    await small.policy.forward(input);
    if (between) await sample(small, prompt("between", 30));
    await small.policy.backward(derivatives(input));
    norms.push((await small.policy.step(STEP)).gradNorm);
  }
  assertEquals(norms[1], norms[0]);
});

Deno.test("openWebGpu() carries policies whole: weights, optimizer, gradients, reference", async () => {
  await using one = await openSmall();
  await using other = await openSmall();
  const input = randomInput("carried", 60);
  const step = async ({ policy }: typeof one) => {
    await policy.forward(input);
    await policy.backward(derivatives(input));
    return await policy.step(STEP);
  };
  const reference = await one.policy.forward(input);
  await step(one);
  await other.policy.loadWeights(await one.policy.weights());
  await other.policy.loadOptimizer(await one.policy.optimizer());
  assertEquals(other.policy.version, 1);
  assertEquals(await step(other), await step(one));
  assertEquals(await other.policy.weights(), await one.policy.weights());
  assertEquals(await other.policy.optimizer(), await one.policy.optimizer());
  assertEquals(await one.policy.reference(input), reference);
  // A discarded gradient leaves no trace.
  await one.policy.forward(input);
  await one.policy.backward(derivatives(input));
  await one.policy.discard();
  assertEquals(await step(one), await step(other));
});

Deno.test("openWebGpu() leaves the main thread free while the GPU works", async () => {
  await using small = await openSmall({ maxNodes: 2048 });
  const input = randomInput("long work", 2048);
  await small.policy.forward(input); // compiles
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  let most = 0;
  // A pass takes tens of milliseconds; one in which no timer fires may be bad luck, five are not.
  for (let i = 0; i < 5; i++) {
    const before = ticks;
    await small.policy.forward(input);
    most = Math.max(most, ticks - before);
  }
  clearInterval(timer);
  assertTrue(most >= 3, `${most} ticks`);
});

Deno.test("openWebGpu() closed with requests in flight rejects them, and whatever is asked later", async () => {
  const small = await openSmall();
  const generating = sample(small, prompt("closed", 5), { maxTokens: 90 });
  const scoring = small.engine.score([prompt("closed", 50)]);
  const ends = Promise.allSettled([generating, scoring]);
  await small[Symbol.asyncDispose]();
  for (const end of await ends) {
    assertEquals(end.status, "rejected");
    const { reason } = end as PromiseRejectedResult;
    assertTrue(reason instanceof EngineError);
    assertEquals(reason.message, "The engine was closed");
  }
  await assertRejects(() => sample(small, [1]), EngineError, "closed");
  await assertRejects(() => small.engine.score([[1]]), EngineError, "closed");
  await assertRejects(() => small.policy.discard(), EngineError, "closed");
  assertEquals((await small.engine.health()).ok, false);
  await small[Symbol.asyncDispose]();
});

Deno.test("openWebGpu() that fails says why and leaves no thread behind", async () => {
  await assertRejects(
    () => openSmall({ maxNodes: 2 ** 22 }),
    DeviceError,
    "MiB; lower train.max_nodes",
  );
  await assertRejects(
    () => openSmall({ cacheTokens: 2 ** 28 }),
    DeviceError,
    "MiB; lower engine.cache_tokens",
  );
  await assertRejects(
    () => openSmall({ weights: hashedWeights(SMALL_SHAPE).slice(1) }),
    ModelError,
    "model.embed_tokens.weight",
  );
});

Deno.test("openWebGpu() ends a request whose listener throws, and no other", async () => {
  await using small = await openSmall();
  await assertRejects(
    () =>
      small.engine.generate({
        tokens: [1],
        sampling: SAMPLING,
        onTokens: () => {
          throw new TypeError("a listener's mistake");
        },
      }),
    TypeError,
    "a listener's mistake",
  );
  assertEquals((await sample(small, [1])).tokens.length, 20);
});
