import { Decoder } from "../../src/nn/decoder.ts";
import { Scheduler } from "../../src/nn/scheduler.ts";
import { assertEquals } from "../assert.ts";
import { hashedIntegers } from "../gpu/_hashed.ts";
import { SMALL_SHAPE } from "./_hashed_model.ts";
import { testPlanner, testPolicy } from "./_test_policy.ts";

const planner = await testPlanner();

Deno.test("Decoder holds no more of the GPU after two hundred generations than before", async () => {
  const policy = testPolicy(planner, { trained: false });
  const decoder = new Decoder(planner, SMALL_SHAPE, policy.weights, {
    maxBatch: 20,
    maxContext: 40,
    cacheTokens: 500,
    prefillRows: 64,
    stepsPerSubmission: 8,
  });
  const scheduler = new Scheduler(decoder);
  const serve = async (first: number, count: number) => {
    for (let id = first; id < first + count; id++) {
      scheduler.add({
        id,
        tokens: [...hashedIntegers(`growth ${id}`, 1 + id % 20, 70)],
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        seed: id,
        maxTokens: 1 + id % 10,
        stopTokens: [],
      });
    }
    let ended = 0;
    while (scheduler.running + scheduler.waiting > 0) {
      for (const { finishReason } of await scheduler.step()) {
        if (finishReason) ended++;
      }
    }
    return ended;
  };
  assertEquals(await serve(0, 10), 10);
  const before = planner.gpu.allocated;
  assertEquals(await serve(10, 200), 200);
  assertEquals(planner.gpu.allocated, before);
});
