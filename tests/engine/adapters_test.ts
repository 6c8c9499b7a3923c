import type { Generation, WebGpu } from "../../src/engine/mod.ts";
import { EngineError, ModelError, UserError } from "../../src/errors.ts";
import type { LoraShape } from "../../src/nn/layout.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { hashed } from "../gpu/_hashed.ts";
import { hashedAdapter } from "../nn/_hashed_adapter.ts";
import { SMALL_SHAPE } from "../nn/_hashed_model.ts";
import { PLAIN_STEP, randomInput } from "../nn/_test_policy.ts";
import { openSmall, prompt, SAMPLING } from "./_test_engine.ts";

const LORA: LoraShape = { rank: 4, scale: 2, targets: ["q_proj", "down_proj"] };

const STEP = { ...PLAIN_STEP, learningRate: 0.05, maxGradNorm: 1 };

/** An adapter's tensors, hashed from its name too. */
function factors(seed: string): HostTensor[] {
  return hashedAdapter(SMALL_SHAPE, LORA, `${seed} `);
}

/** A model with these adapters, the first of them the default one. */
function open(
  [first, ...others]: readonly string[],
  trained = true,
): Promise<WebGpu> {
  return openSmall({
    trained,
    adapter: {
      lora: LORA,
      weights: factors(first!),
      others: new Map(others.map((name) => [name, factors(name)])),
    },
  });
}

/** Requests that share a prompt's beginning, as agents share a system prompt. */
function ask(
  { engine }: WebGpu,
  seed: number,
  adapter?: string | null,
): Promise<Generation> {
  return engine.generate({
    tokens: [...prompt("shared", 20), ...prompt(`own ${seed % 3}`, seed % 5)],
    sampling: { ...SAMPLING, seed, maxTokens: 10 + seed % 4 * 5 },
    ...(adapter !== undefined && { adapter }),
  });
}

const COUNT = 8;

function askAll(
  model: WebGpu,
  adapter?: string | null,
): Promise<Generation[]> {
  return Promise.all(
    Array.from({ length: COUNT }, (_, seed) => ask(model, seed, adapter)),
  );
}

async function train({ policy }: WebGpu, adapter: string): Promise<void> {
  const input = randomInput("trained", 60);
  const own = policy.of(adapter);
  for (let part = 0; part < 3; part++) {
    await own.forward(input);
    await own.backward({
      logprob: hashed("derivatives", input.targets.length),
      entropy: new Float32Array(input.targets.length),
    });
  }
}

Deno.test("generate() under two adapters and none gives each request the bits that it has alone, beside training", async () => {
  const alone: Generation[][] = [];
  for (const name of ["a", "b"]) {
    await using one = await open([name]);
    alone.push(await askAll(one));
  }
  await using base = await openSmall();
  alone.push(await askAll(base));

  await using both = await open(["a", "b"]);
  const training = train(both, "b");
  const together = await Promise.all([
    askAll(both),
    askAll(both, "b"),
    askAll(both, null),
  ]);
  await training;
  // The base has no adapter's products to add, which are exact zeroes here.
  assertEquals(together, alone);
  const texts = together.map((all) => all.map(({ tokens }) => tokens.join()));
  for (let seed = 0; seed < COUNT; seed++) {
    assertEquals(new Set(texts.map((all) => all[seed])).size, 3);
  }
  // From a cache that holds all of them, one at a time.
  for (const [i, adapter] of ["default", "b", null].entries()) {
    assertEquals(await ask(both, 3, adapter), alone[i]![3]);
  }
});

Deno.test("score() scores under the adapter that is named", async () => {
  const sequences = [prompt("scored", 20), prompt("scored too", 9)];
  await using both = await open(["a", "b"]);
  await using b = await open(["b"]);
  await using base = await openSmall();
  assertEquals(
    await both.engine.score(sequences, { adapter: "b" }),
    await b.engine.score(sequences),
  );
  assertEquals(
    await both.engine.score(sequences, { adapter: null }),
    await base.engine.score(sequences),
  );
});

Deno.test("openWebGpu() trains each adapter by its own policy, under one version for all", async () => {
  await using both = await open(["a", "b"]);
  const { policy, engine } = both;
  const b = policy.of("b");
  const other = await policy.weights();
  await train(both, "b");
  await b.step(STEP);
  assertEquals([policy.version, b.version], [1, 1]);
  assertEquals(await policy.weights(), other);
  await train(both, "default");
  await policy.of("default").step(STEP);
  assertEquals([policy.version, b.version], [2, 2]);
  await policy.sync(policy.version);
  assertEquals(engine.info.policyVersion, 2);

  await using alone = await open(["b"]);
  await train(alone, "default");
  await alone.policy.step(STEP);
  await alone.policy.sync(2);
  assertEquals(await b.weights(), await alone.policy.weights());
  assertEquals(await b.optimizer(), await alone.policy.optimizer());
  assertEquals(await askAll(both, "b"), await askAll(alone));

  await using resumed = await open(["x", "y", "b"]);
  await resumed.policy.of("b").loadWeights(await b.weights());
  await resumed.policy.of("b").loadOptimizer(await b.optimizer());
  await resumed.policy.of("y").loadOptimizer(await policy.optimizer());
  assertEquals(resumed.policy.version, 2);
  await resumed.policy.sync(2);
  assertEquals(await askAll(resumed, "b"), await askAll(alone));
});

Deno.test("openWebGpu() adds and removes adapters while others are decoded", async () => {
  await using model = await open(["a"], false);
  await using b = await open(["b"], false);
  const expected = { a: await askAll(model), b: await askAll(b) };
  const running = askAll(model);
  await model.adapters.add("b", factors("b"));
  const under = askAll(model, "b");
  const removing = model.adapters.remove("b");
  assertEquals(await running, expected.a);
  assertEquals(await under, expected.b); // what is under way ends with its weights
  await removing;
  await assertRejects(
    () => ask(model, 1, "b"),
    EngineError,
    "There is no adapter b",
  );
  // Another one of that name finds nothing of the first.
  await model.adapters.add("b", factors("a"));
  assertEquals(await askAll(model, "b"), expected.a);
  await assertRejects(
    () => model.adapters.add("b", factors("b")),
    UserError,
    "already",
  );
  await assertRejects(
    () => model.adapters.add("c", []),
    ModelError,
    "lack the tensor",
  );
  assertEquals(await ask(model, 2), expected.a[2]);
  assertTrue(expected.a[2]!.tokens.join() !== expected.b[2]!.tokens.join());
});
