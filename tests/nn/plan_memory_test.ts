import { GemmPlanner, Gpu, planFile } from "../../src/gpu/mod.ts";
import type { LoraShape } from "../../src/nn/layout.ts";
import { openModel } from "../../src/nn/open_model.ts";
import { planMemory } from "../../src/nn/plan_memory.ts";
import type { OpenArguments } from "../../src/nn/protocol.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { hashedAdapter } from "./_hashed_adapter.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";

const LORA = { rank: 3, scale: 2, targets: ["q_proj", "v_proj"] } as const;

const COMMON = {
  shape: SMALL_SHAPE,
  maxNodes: 128,
  decoder: {
    maxBatch: 4,
    maxContext: 32,
    cacheTokens: 100,
    prefillRows: 64,
    stepsPerSubmission: 2,
  },
  subgroups: true,
};

const CASES: Readonly<Record<string, Omit<OpenArguments, "weights">>> = {
  "all weights, with a reference": {
    ...COMMON,
    trained: true,
    reference: true,
  },
  "all weights": { ...COMMON, trained: true },
  "a new adapter over bfloat16": {
    ...COMMON,
    trained: true,
    dtype: "bf16",
    adapter: { lora: LORA, weights: [] },
  },
  "a new adapter with embedding and head, and a reference": {
    ...COMMON,
    trained: true,
    reference: true,
    dtype: "bf16",
    adapter: {
      lora: {
        ...LORA,
        modules: ["embed_tokens", "k_norm", "lm_head"],
        tied: true,
      },
      weights: [],
    },
  },
  "an adapter under dropout": {
    ...COMMON,
    trained: true,
    adapter: { lora: { ...LORA, dropout: 0.1 }, weights: [] },
  },
  "two adapters, with a reference": {
    ...COMMON,
    trained: true,
    reference: true,
    adapter: { lora: LORA, weights: [], others: new Map([["critic", []]]) },
  },
  "nothing trained": { ...COMMON, trained: false },
};

for (const [name, options] of Object.entries(CASES)) {
  Deno.test(`planMemory() counts what is allocated, item by item (${name})`, async () => {
    const { adapter: given, ...rest } = options;
    const others = [...given?.others?.keys() ?? []];
    const { software, items } = await planMemory({
      ...rest,
      ...(given && { adapter: { lora: given.lora, others } }),
      scored: true,
    });
    using gpu = await Gpu.open();
    const adapter = given && {
      lora: given.lora,
      weights: hashedAdapter(SMALL_SHAPE, given.lora),
      others: new Map(
        others.map((name) => [name, hashedAdapter(SMALL_SHAPE, given.lora)]),
      ),
    };
    const planner = await GemmPlanner.open(gpu, planFile());
    const { policy } = openModel(planner, {
      ...options,
      weights: hashedWeights(SMALL_SHAPE),
      ...(adapter && { adapter }),
    });
    void policy.transformer;
    assertEquals([...items], [...gpu.items]);
    assertEquals(software, gpu.info.software);
    assertTrue(items.get("weights")! > 0);
    assertEquals(items.has("gradients"), options.trained);
    assertEquals(items.has("reference"), options.reference ?? false);
    assertEquals(items.has("adapter"), adapter !== undefined);
    assertEquals(items.has("adapters at rest"), others.length > 0);
  });
}

Deno.test("planMemory() counts what is trained whole beside LoRA with the adapter, and not with the weights", async () => {
  const plan = async (lora: LoraShape) => {
    const { items } = await planMemory({
      ...COMMON,
      trained: true,
      reference: true,
      adapter: { lora },
    });
    return items;
  };
  const factors = await plan(LORA);
  const whole = await plan({
    ...LORA,
    modules: ["embed_tokens", "lm_head"],
    tied: true,
  });
  // The vocabulary of 70 is padded to 128.
  const table = 128 * SMALL_SHAPE.hiddenSize * 4;
  const more = (item: string) => whole.get(item)! - factors.get(item)!;
  assertEquals(more("weights"), -table);
  assertEquals(more("adapter"), table);
  assertEquals(more("gradients"), table);
  assertEquals(more("reference"), 2 * table);
});
