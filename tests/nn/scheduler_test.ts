import { EngineError } from "../../src/errors.ts";
import type { DecoderSize } from "../../src/nn/decoder.ts";
import {
  type Progress,
  type ScheduledRequest,
  Scheduler,
} from "../../src/nn/scheduler.ts";
import { assertEquals, assertThrows, assertTrue } from "../assert.ts";
import { hashed } from "../gpu/_hashed.ts";
import { simulatedAnswer, SimulatedDecoder } from "./_simulated_decoder.ts";

const SIZE: DecoderSize = {
  maxBatch: 4,
  maxContext: 30,
  cacheTokens: 60,
  prefillRows: 8,
  stepsPerSubmission: 3,
};

function request(
  id: number,
  tokens: readonly number[],
  options: Partial<ScheduledRequest> = {},
): ScheduledRequest {
  return {
    id,
    tokens,
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    seed: id,
    maxTokens: 10,
    stopTokens: [],
    ...options,
  };
}

/** More of them take part with each seed. */
const ADAPTERS = ["default", "default", "critic", null, "judge"];

/** What each request has been told, put together. */
class Listener {
  readonly tokens = new Map<number, number[]>();
  readonly reasons = new Map<number, string>();

  hear(progress: readonly Progress[]): void {
    for (const { id, tokens, logprobs, finishReason } of progress) {
      assertTrue(!this.reasons.has(id), `request ${id} went on after its end`);
      this.tokens.set(id, [...(this.tokens.get(id) ?? []), ...tokens]);
      assertEquals(logprobs, tokens.map((token) => -token));
      if (finishReason) this.reasons.set(id, finishReason);
    }
  }
}

/** Steps until nothing runs or waits. */
async function drain(scheduler: Scheduler): Promise<Listener> {
  const listener = new Listener();
  while (scheduler.running + scheduler.waiting > 0) {
    listener.hear(await scheduler.step());
  }
  return listener;
}

function setUp(size: Partial<DecoderSize> = {}) {
  const simulated = new SimulatedDecoder({ ...SIZE, ...size });
  const scheduler = new Scheduler(
    simulated.decoder,
    (adapter) => simulated.bind(adapter),
  );
  return { simulated, scheduler };
}

Deno.test("Scheduler gives every request its own continuation, under random traffic and eviction", async () => {
  for (let seed = 0; seed < 6; seed++) {
    const numbers = hashed(`schedule ${seed}`, 10_000);
    let next = 0;
    const below = (n: number) => Math.floor((numbers[next++]! + 1) / 2 * n);
    const { simulated, scheduler } = setUp();
    const requests: ScheduledRequest[] = [];
    const cancelled = new Set<number>();
    const listener = new Listener();
    for (let turn = 0; turn < 120; turn++) {
      if (below(3) === 0) {
        const id = requests.length;
        const tokens = Array.from({ length: 1 + below(20) }, () => below(2));
        const one = request(id, tokens, {
          adapter: ADAPTERS[below(seed)]!,
          maxTokens: 1 + below(14),
          stopTokens: Array.from({ length: below(4) }, () => below(50)),
        });
        requests.push(one);
        scheduler.add(one);
      }
      if (requests.length > 0 && below(25) === 0) {
        const id = below(requests.length);
        if (!listener.reasons.has(id)) cancelled.add(id);
        scheduler.cancel(id);
      }
      listener.hear(await scheduler.step({ admit: below(10) > 0 }));
    }
    while (scheduler.running + scheduler.waiting > 0) {
      listener.hear(await scheduler.step());
    }
    assertTrue(Math.max(...simulated.submissions) > 1);
    for (const one of requests) {
      const expected = simulatedAnswer(one, SIZE.maxContext);
      const tokens = listener.tokens.get(one.id)!;
      if (cancelled.has(one.id)) {
        assertEquals(listener.reasons.get(one.id), "abort");
        assertEquals(tokens, expected.tokens.slice(0, tokens.length));
      } else {
        assertEquals(tokens, expected.tokens, `request ${one.id}`);
        assertEquals(listener.reasons.get(one.id), expected.finishReason);
      }
    }
  }
});

Deno.test("Scheduler computes a shared prompt once, and a second turn from where the first ended", async () => {
  const { simulated, scheduler } = setUp({ maxBatch: 8, cacheTokens: 500 });
  const prompt = [1, 2, 3, 4, 5, 6];
  for (let id = 0; id < 8; id++) scheduler.add(request(id, prompt));
  const { tokens } = await drain(scheduler);
  assertEquals(simulated.prefilled, 5);
  // The last sampled token was never fed back, so it and the new ones but the last are computed.
  scheduler.add(request(9, [...prompt, ...tokens.get(3)!, 7, 8]));
  await drain(scheduler);
  assertEquals(simulated.prefilled, 5 + 2);
});

Deno.test("Scheduler runs more requests than fit, in the order of their arrival", async () => {
  const { simulated, scheduler } = setUp();
  for (let id = 0; id < 10; id++) {
    scheduler.add(request(id, [id, id], { maxTokens: 3 }));
  }
  const order = [];
  while (scheduler.running + scheduler.waiting > 0) {
    for (const { id, finishReason } of await scheduler.step()) {
      if (finishReason) order.push(id);
    }
  }
  assertEquals(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(simulated.submissions, [4, 4, 2]);
});

Deno.test("Scheduler ends a generation at maxTokens, at a stop token, at the context's end and at the cache's", async () => {
  const { scheduler } = setUp({ cacheTokens: 20 });
  const ends = async (one: ScheduledRequest) => {
    scheduler.add(one);
    const { tokens, reasons } = await drain(scheduler);
    return [tokens.get(one.id)!.length, reasons.get(one.id)];
  };
  assertEquals(await ends(request(0, [1], { maxTokens: 7 })), [7, "length"]);
  assertEquals(await ends(request(1, [1], { maxTokens: 1 })), [1, "length"]);
  const long = Array.from({ length: 18 }, (_, i) => i);
  assertEquals(await ends(request(2, long)), [3, "length"]);
  const { tokens } = simulatedAnswer(request(3, [1]), 30);
  const stopTokens = [tokens[4]!];
  assertEquals(await ends(request(3, [1], { stopTokens })), [5, "stop"]);
  const { scheduler: roomy } = setUp();
  roomy.add(request(4, Array.from({ length: 29 }, (_, i) => i)));
  assertEquals((await drain(roomy)).tokens.get(4)!.length, 1);
});

Deno.test("Scheduler refuses what it can never serve, and says why", () => {
  const { scheduler } = setUp();
  const add = (tokens: number[], options?: Partial<ScheduledRequest>) =>
    scheduler.add(request(0, tokens, options));
  assertThrows(() => add([]), EngineError, "no tokens");
  assertThrows(
    () => add(new Array(30).fill(1)),
    EngineError,
    "30 tokens, but the context ends at 30",
  );
  assertThrows(
    () => add([1], { stopTokens: [1, 2, 3, 4, 5, 6, 7, 8, 9] }),
    EngineError,
    "at most 8",
  );
  assertThrows(() => add([1], { maxTokens: 0 }), EngineError, "maxTokens");
  for (const token of [50, -1, 1.5, NaN]) {
    assertThrows(() => add([1, token]), EngineError, `Token id ${token} is`);
  }
  for (const temperature of [-1, NaN, Infinity]) {
    assertThrows(() => add([1], { temperature }), EngineError, "temperature");
  }
  const { scheduler: small } = setUp({ cacheTokens: 20 });
  assertThrows(
    () => small.add(request(0, new Array(20).fill(1))),
    EngineError,
    "20 tokens, but the cache holds 20",
  );
  assertEquals(scheduler.waiting, 0);
});

Deno.test("Scheduler cancels what runs and what waits, and reports each once", async () => {
  const { scheduler } = setUp({ maxBatch: 1 });
  scheduler.add(request(0, [1, 2]));
  scheduler.add(request(1, [1, 2]));
  scheduler.add(request(2, [1, 2], { maxTokens: 2 }));
  const listener = new Listener();
  listener.hear(await scheduler.step());
  scheduler.cancel(0);
  scheduler.cancel(1);
  scheduler.cancel(99);
  while (scheduler.running + scheduler.waiting > 0) {
    listener.hear(await scheduler.step());
  }
  assertEquals(Object.fromEntries(listener.reasons), {
    0: "abort",
    1: "abort",
    2: "length",
  });
  assertEquals(
    listener.tokens.get(0),
    simulatedAnswer(request(0, [1, 2]), 30).tokens.slice(0, 3),
  );
  assertEquals(listener.tokens.get(1), []);
});

Deno.test("Scheduler serves on after a submission failed", async () => {
  const { simulated, scheduler } = setUp();
  scheduler.add(request(0, [1, 2]));
  scheduler.add(request(1, [3, 4]));
  simulated.onSubmission = () => {
    throw new Error("lost");
  };
  await scheduler.step().catch(() => {});
  assertEquals([...scheduler.drop()].sort(), [0, 1]);
  assertEquals([scheduler.running, scheduler.waiting], [0, 0]);
  simulated.onSubmission = () => {};
  const one = request(2, [1, 2, 3]);
  scheduler.add(one);
  assertEquals(
    (await drain(scheduler)).tokens.get(2),
    simulatedAnswer(one, 30).tokens,
  );
});

Deno.test("Scheduler lets adapters take turns, the oldest first, none of them waiting for another's end", async () => {
  const { simulated, scheduler } = setUp();
  scheduler.add(request(0, [1, 2], { adapter: "a" }));
  scheduler.add(request(1, [1, 2], { adapter: "b" }));
  scheduler.add(request(2, [1, 2], { adapter: "a" }));
  scheduler.add(request(3, [1, 2], { adapter: null, maxTokens: 3 }));
  await drain(scheduler);
  assertEquals(
    simulated.adapters.map((adapter) => adapter ?? "none").join(" "),
    "a b none a b a b a b",
  );
  assertEquals(simulated.submissions, [2, 1, 1, 2, 1, 2, 1, 2, 1]);
  // The same prompt under another adapter is another prompt.
  assertEquals(simulated.prefilled, 3);
});

Deno.test("Scheduler forgets an adapter, so that another of its name finds nothing of it", async () => {
  const { simulated, scheduler } = setUp();
  const tokens = [1, 2, 3, 4];
  scheduler.add(request(0, tokens));
  scheduler.add(request(1, tokens, { adapter: "a" }));
  await drain(scheduler);
  assertEquals([scheduler.uses("a"), simulated.prefilled], [false, 6]);
  scheduler.add(request(2, tokens, { adapter: "a" }));
  scheduler.add(request(3, tokens));
  assertEquals(scheduler.uses("a"), true);
  assertEquals(scheduler.forget("a"), [2]);
  await drain(scheduler);
  assertEquals(simulated.prefilled, 6);
  scheduler.add(request(4, tokens, { adapter: "a" }));
  await drain(scheduler);
  assertEquals(simulated.prefilled, 9);
});
