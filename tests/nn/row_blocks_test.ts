import { LORA_TARGETS } from "../../src/nn/layout.ts";
import { planMemory } from "../../src/nn/plan_memory.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { hashedAdapter } from "./_hashed_adapter.ts";
import { SMALL_SHAPE } from "./_hashed_model.ts";
import {
  derivativesOf,
  gradientsOf,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();

const SHAPE = { ...SMALL_SHAPE, maxPositions: 2048 };
const NODES = 1200;
/** Room for 512 rows of gate and up. */
const NARROW = 512 * 2 * SHAPE.feedForward * 4;

/** An adapter of every matrix, whose factors are all at work. */
function adapter(dropout: number) {
  const lora = { rank: 4, scale: 2, targets: LORA_TARGETS, dropout };
  return { lora, weights: hashedAdapter(SHAPE, lora) };
}

for (
  const [name, options] of [
    ["all weights", {}],
    ["all weights, recomputed", { recompute: true }],
    ["an adapter", { adapter: adapter(0) }],
    ["an adapter with dropout", { adapter: adapter(0.2) }],
  ] as const
) {
  Deno.test(`Activations bound in blocks of rows give the same scores and gradients, bit for bit (${name})`, async () => {
    const results = [];
    for (const bindingBytes of [2 ** 20, NARROW]) {
      const policy = testPolicy(planner, {
        shape: SHAPE,
        maxNodes: NODES,
        bindingBytes,
        ...options,
      });
      const found: Float32Array[] = [];
      // The second batch ends within the second block, the third within the first.
      for (const nodes of [NODES, 600, 50]) {
        const input = randomInput(`${nodes} nodes`, nodes);
        const { logprob, entropy } = await policy.forward(input);
        found.push(logprob, entropy);
        policy.backward(derivativesOf(input, `${nodes}`));
      }
      results.push([...found, ...(await gradientsOf(policy)).values()]);
    }
    planner.gpu.check();
    const [whole, inBlocks] = results;
    assertTrue(whole!.every((values) => values.some((x) => x !== 0)));
    assertEquals(inBlocks, whole);
  });
}

Deno.test("A model of 0.5B's shape finds room for 4,096 nodes on a device that binds 128 MiB", async () => {
  const { items } = await planMemory({
    shape: {
      ...SHAPE,
      layers: 2,
      hiddenSize: 896,
      heads: 14,
      headDim: 64,
      feedForward: 4864,
      vocabSize: 151936,
    },
    maxNodes: 4096,
    trained: true,
    bindingBytes: 128 * 2 ** 20,
    decoder: {
      maxBatch: 1,
      maxContext: 2,
      cacheTokens: 2,
      prefillRows: 64,
      stepsPerSubmission: 1,
    },
    subgroups: true,
  });
  // Gate and up of both layers.
  assertTrue(items.get("activations")! > 2 * 4096 * 2 * 4864 * 4);
});
