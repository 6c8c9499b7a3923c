import { GemmPlanner, Gpu, planFile } from "../../src/gpu/mod.ts";
import { openModel } from "../../src/nn/open_model.ts";
import { planMemory } from "../../src/nn/plan_memory.ts";
import type { OpenArguments } from "../../src/nn/protocol.ts";
import { assertEquals, assertTrue } from "../assert.ts";
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
  "nothing trained": { ...COMMON, trained: false },
};

for (const [name, options] of Object.entries(CASES)) {
  Deno.test(`planMemory() counts what is allocated, item by item (${name})`, async () => {
    const { software, items } = await planMemory({ ...options, scored: true });
    using gpu = await Gpu.open();
    const adapter = options.adapter && {
      lora: LORA,
      weights: adapterWeights(),
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
  });
}

/** An adapter of zeroes for `LORA`. */
function adapterWeights() {
  const { layers, hiddenSize, heads, kvHeads, headDim } = SMALL_SHAPE;
  return Array.from(
    { length: layers },
    (_, layer) =>
      ([["q_proj", heads], ["v_proj", kvHeads]] as const).flatMap(
        ([target, count]) =>
          ([["A", [LORA.rank, hiddenSize]], ["B", [
            count * headDim,
            LORA.rank,
          ]]] as const)
            .map(([factor, shape]) => ({
              name:
                `base_model.model.model.layers.${layer}.self_attn.${target}.lora_${factor}.weight`,
              shape,
              data: new Float32Array(shape[0] * shape[1]),
            })),
      ),
  ).flat();
}
