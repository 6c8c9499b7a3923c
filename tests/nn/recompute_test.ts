import type { LoraShape } from "../../src/nn/layout.ts";
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

const SHAPE = { ...SMALL_SHAPE, layers: 3, attentionBias: true };
const LORA = {
  rank: 4,
  scale: 2,
  targets: ["q_proj", "down_proj"],
} as const;

/** An adapter that is at work in all its parts. */
function adapter(lora: LoraShape) {
  return { lora, weights: hashedAdapter(SHAPE, lora) };
}

for (
  const [name, options] of [
    ["all weights", {}],
    ["an adapter", { adapter: adapter(LORA) }],
    ["an adapter with modules", {
      adapter: adapter({
        ...LORA,
        modules: ["embed_tokens", "input_layernorm", "k_norm", "lm_head"],
      }),
    }],
  ] as const
) {
  Deno.test(`Recomputed activations give the same gradients, bit for bit (${name})`, async () => {
    const results = [];
    for (const recompute of [false, true]) {
      const policy = testPolicy(planner, {
        shape: SHAPE,
        recompute,
        ...options,
      });
      // Two batches, the second backward pass adding to the first one's gradients.
      for (const batch of ["first", "second"]) {
        const input = randomInput(batch, 60);
        await policy.forward(input);
        policy.backward(derivativesOf(input, batch));
      }
      results.push(await gradientsOf(policy));
    }
    planner.gpu.check();
    const [kept, recomputed] = results;
    assertTrue(kept!.size > 10);
    for (const [tensor, gradient] of kept!) {
      assertTrue(gradient.some((x) => x !== 0), tensor);
      assertEquals(recomputed!.get(tensor), gradient);
    }
  });
}

Deno.test("Recomputing keeps the layers' inputs and one layer's activations; without training no more than two inputs", async () => {
  const activations = async (
    layers: number,
    options: { readonly trained: boolean; readonly recompute?: boolean },
  ) => {
    const { items } = await planMemory({
      ...options,
      shape: { ...SHAPE, layers },
      maxNodes: 128,
      scored: true,
      decoder: {
        maxBatch: 1,
        maxContext: 2,
        cacheTokens: 2,
        prefillRows: 64,
        stepsPerSubmission: 1,
      },
      subgroups: true,
    });
    return items.get("activations")!;
  };
  const stream = 128 * SHAPE.hiddenSize * 4;
  /** What eight further layers add. */
  const added = async (
    options: { readonly trained: boolean; readonly recompute?: boolean },
  ) => await activations(12, options) - await activations(4, options);
  assertEquals(await added({ trained: true, recompute: true }), 8 * stream);
  assertEquals(await added({ trained: false }), 0);
  assertTrue(await added({ trained: true }) > 80 * stream);
});
