import {
  ASTunerError,
  EngineError,
  ModelError,
  UserError,
} from "../../src/errors.ts";
import type { GpuPolicy } from "../../src/nn/gpu_policy.ts";
import type { LoraShape } from "../../src/nn/layout.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import { assertEquals, assertRejects, assertThrows } from "../assert.ts";
import { hashedAdapter } from "./_hashed_adapter.ts";
import { SMALL_SHAPE } from "./_hashed_model.ts";
import {
  derivativesOf,
  PLAIN_STEP,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();

const LORA: LoraShape = {
  rank: 3,
  scale: 1.5,
  dropout: 0.1,
  targets: ["q_proj", "v_proj", "o_proj", "down_proj"],
};

const STEP = { ...PLAIN_STEP, weightDecay: 0.1, maxGradNorm: 0.5 };

/** An adapter's tensors, hashed from its name too. */
function factors(seed: string): HostTensor[] {
  return hashedAdapter(SMALL_SHAPE, LORA, `${seed} `);
}

/** A policy with these adapters, the first of them the default one. */
function policyOf(...[first, ...others]: readonly string[]): GpuPolicy {
  return testPolicy(planner, {
    adapter: {
      lora: LORA,
      weights: factors(first!),
      others: new Map(others.map((name) => [name, factors(name)])),
    },
  });
}

/** A step on two micro-batches. */
async function train(
  policy: GpuPolicy,
  adapter: string,
  { seed, between = () => {} }: {
    readonly seed: string;
    readonly between?: () => void;
  },
): Promise<unknown> {
  const told: unknown[] = [];
  for (const part of [0, 1]) {
    const input = randomInput(`${seed} ${part}`, 50);
    told.push(await policy.forward(input, { adapter }));
    between();
    policy.backward(derivativesOf(input), adapter);
    between();
  }
  return [...told, await policy.step(STEP, adapter)];
}

Deno.test("GpuPolicy trains two adapters in turn to the bits that each comes to alone", async () => {
  const both = policyOf("solver", "critic");
  const alone = { default: policyOf("solver"), critic: policyOf("critic") };
  const input = randomInput("held out", 40);
  const base = await alone.critic.reference(input);
  // Turns of unlike length, so that the counts of steps part; decoding reads other weights in between.
  const turns = ["default", "critic", "critic", "default", "critic"] as const;
  for (const [turn, adapter] of turns.entries()) {
    const seed = `turn ${turn}`;
    const between = () =>
      both.bind([null, "critic", "default"][turn % 3] ?? null);
    assertEquals(
      await train(both, adapter, { seed, between }),
      await train(alone[adapter], "default", { seed }),
    );
    assertEquals(await both.reference(input), base);
  }
  for (const adapter of ["default", "critic"] as const) {
    const own = alone[adapter];
    assertEquals(await both.weightsOf(adapter), await own.weightsOf());
    assertEquals(await both.optimizer(adapter), await own.optimizer());
    assertEquals(
      await both.forward(input, { adapter }),
      await own.forward(input),
    );
  }
  assertEquals(await both.weightsOf(null), await alone.critic.weightsOf(null));
});

Deno.test("GpuPolicy goes on with each adapter from its saved weights and optimizer", async () => {
  const before = policyOf("a", "b");
  await train(before, "default", { seed: "first" });
  await train(before, "b", { seed: "second" });
  await train(before, "b", { seed: "third" });
  const after = policyOf("x", "b");
  for (const adapter of ["default", "b"]) {
    after.load(await before.weightsOf(adapter), adapter);
    after.loadOptimizer(await before.optimizer(adapter), adapter);
  }
  for (const adapter of ["b", "default"]) {
    assertEquals(
      await train(after, adapter, { seed: adapter }),
      await train(before, adapter, { seed: adapter }),
    );
    assertEquals(
      await after.weightsOf(adapter),
      await before.weightsOf(adapter),
    );
  }
});

Deno.test("GpuPolicy takes gradients of one adapter at a time", async () => {
  const policy = policyOf("a", "b");
  const input = randomInput("pending", 40);
  const by = derivativesOf(input);
  await policy.forward(input, { adapter: "b" });
  assertThrows(
    () => policy.backward(by),
    ASTunerError,
    "adapter b ran forward last",
  );
  policy.backward(by, "b");
  await policy.forward(input);
  assertThrows(() => policy.backward(by), ASTunerError, "wait for their step");
  await assertRejects(
    () => policy.step(STEP),
    ASTunerError,
    "gradients of adapter b wait for their step",
  );
  policy.discard();
  await policy.forward(input);
  policy.backward(by);
  const { gradNorm } = await policy.step(STEP);
  const alone = policyOf("a");
  await alone.forward(input);
  alone.backward(by);
  assertEquals((await alone.step(STEP)).gradNorm, gradNorm);
});

Deno.test("GpuPolicy adds and removes adapters while it is open, and gives their memory back", async () => {
  const policy = policyOf("a");
  const { gpu } = planner;
  const input = randomInput("coming and going", 40);
  const alone = await policyOf("b").forward(input, { keep: false });
  const own = await policy.forward(input, { keep: false });
  policy.add("b", factors("b")); // the default one gets its copy with it
  const held = gpu.allocated;
  assertEquals(
    await policy.forward(input, { keep: false, adapter: "b" }),
    alone,
  );
  assertEquals(await policy.forward(input, { keep: false }), own);
  policy.add("c", factors("c"));
  assertEquals(policy.adapters, ["default", "b", "c"]);
  await policy.forward(input, { keep: false, adapter: "c" });
  policy.remove("c");
  assertEquals(gpu.allocated, held);
  assertEquals(await policy.forward(input, { keep: false }), own);
  assertThrows(() => policy.bind("c"), EngineError, "There is no adapter c");
  assertThrows(() => policy.add("b", factors("c")), UserError, "already");
  assertThrows(() => policy.remove("default"), UserError, "cannot be removed");
  // What cannot be used leaves everything as it was.
  assertThrows(
    () => policy.add("d", factors("d").slice(1)),
    ModelError,
    "lack the tensor",
  );
  assertEquals(gpu.allocated, held);
  assertEquals(await policy.forward(input, { keep: false }), own);
  assertEquals(
    await policy.forward(input, { keep: false, adapter: "b" }),
    alone,
  );
  assertThrows(
    () => testPolicy(planner).add("b", []),
    UserError,
    "without room for adapters",
  );
});

Deno.test("GpuPolicy with one adapter holds no copy of it", () => {
  const { gpu } = planner;
  const atRest = gpu.items.get("adapters at rest") ?? 0;
  policyOf("a");
  assertEquals(gpu.items.get("adapters at rest") ?? 0, atRest);
  const { parameters } = policyOf("a", "b");
  const bytes = parameters.arenas.reduce((sum, a) => sum + a.weights.size, 0);
  assertEquals(gpu.items.get("adapters at rest")! - atRest, 2 * 3 * bytes);
});
