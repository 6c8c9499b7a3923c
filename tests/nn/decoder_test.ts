import { Decoder } from "../../src/nn/decoder.ts";
import { Scheduler } from "../../src/nn/scheduler.ts";
import { assertEquals } from "../assert.ts";
import { hashedIntegers } from "../gpu/_hashed.ts";
import { SMALL_SHAPE } from "./_hashed_model.ts";
import { testPlanner, testPolicy } from "./_test_policy.ts";

const planner = await testPlanner();

/** Wide enough that few rows are multiplied by kernels of their own. */
const WIDE = { ...SMALL_SHAPE, layers: 1, hiddenSize: 128, feedForward: 1024 };

Deno.test("Decoder gives a sequence the same bits alone, among few and among many", async () => {
  const policy = testPolicy(planner, { shape: WIDE, trained: false });
  const decoder = new Decoder(planner, WIDE, policy.weights, {
    maxBatch: 12,
    maxContext: 16,
    cacheTokens: 200,
    prefillRows: 64,
    stepsPerSubmission: 4,
  });
  const results = [];
  for (const beside of [0, 4, 11]) {
    const scheduler = new Scheduler(decoder);
    for (let id = 0; id <= beside; id++) {
      scheduler.add({
        id,
        tokens: [3 + id, 5],
        temperature: 1,
        topK: 0,
        topP: 1,
        minP: 0,
        seed: id,
        maxTokens: 6,
        stopTokens: [],
      });
    }
    const logprobs: number[] = [];
    while (scheduler.running + scheduler.waiting > 0) {
      for (const progress of await scheduler.step()) {
        if (progress.id === 0) logprobs.push(...progress.logprobs);
      }
    }
    results.push(logprobs);
  }
  assertEquals(results[0]!.length, 6);
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
});

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
