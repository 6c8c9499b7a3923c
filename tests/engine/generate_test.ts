import type { Generation, Sampling } from "../../src/engine/mod.ts";
import { EngineError } from "../../src/errors.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { SMALL_SHAPE } from "../nn/_hashed_model.ts";
import {
  openSmall,
  prompt,
  sample,
  SAMPLING,
  sharedSmall,
} from "./_test_engine.ts";

const small = await sharedSmall();
const V = SMALL_SHAPE.vocabSize;

/** Unlike requests: each has its own prompt, filters, seed and length. */
function variety(count: number) {
  return Array.from({ length: count }, (_, i) => ({
    tokens: prompt(`various ${i % 7}`, 3 + i % 5 * 4),
    sampling: {
      seed: i,
      temperature: [1, 0.6, 0, 1.4][i % 4]!,
      topK: i % 3 === 0 ? 10 : 0,
      topP: i % 5 === 0 ? 0.8 : 1,
      maxTokens: 1 + i * 5 % 17,
      stopTokens: i % 2 ? [i % V] : [],
    },
  }));
}

function run({ tokens, sampling }: {
  readonly tokens: readonly number[];
  readonly sampling: Partial<Sampling>;
}): Promise<Generation> {
  return sample(small, tokens, sampling);
}

Deno.test("generate() gives a request the same bits alone, in a batch of forty and after other traffic", async () => {
  const requests = variety(40);
  const together = await Promise.all(requests.map(run));
  for (const i of [0, 3, 17, 26, 39]) {
    assertEquals(await run(requests[i]!), together[i]);
  }
  // From a cache that knows nothing of it.
  await small.policy.sync(0);
  assertEquals(await run(requests[26]!), together[26]);
  assertTrue(new Set(together.map(({ tokens }) => tokens.join())).size > 30);
});

Deno.test("generate() continues a cached conversation with the bits of a fresh one", async () => {
  const first = prompt("first turn", 40);
  const { tokens } = await sample(small, first, { seed: 5 });
  const second = [...first, ...tokens, ...prompt("second turn", 12)];
  const cached = await sample(small, second, { seed: 6 });
  await small.policy.sync(0);
  assertEquals(await sample(small, second, { seed: 6 }), cached);
});

Deno.test("generate() reports the logprobs that the trainer finds, at the sampling temperature", async () => {
  for (const temperature of [1, 0.7, 1.5]) {
    const tokens = prompt(`logprobs ${temperature}`, 30);
    const generation = await sample(small, tokens, {
      temperature,
      topK: 20,
      maxTokens: 40,
    });
    const all = [...tokens, ...generation.tokens];
    const nodes = all.map((_, i) => i);
    const targets = nodes.slice(tokens.length);
    const { logprob } = await small.policy.forward({
      tokens: Uint32Array.from(all),
      positions: Uint32Array.from(nodes),
      parents: Int32Array.from(nodes, (i) => i - 1),
      visibleUntil: new Uint32Array(all.length).fill(all.length),
      targets: Uint32Array.from(targets),
      temperature: new Float32Array(targets.length).fill(temperature),
    });
    assertEquals(generation.tokens.length, 40);
    generation.logprobs.forEach((score, i) =>
      assertTrue(
        Math.abs(score - logprob[i]!) <= 1e-4,
        `token ${i}: ${score} at the engine, ${logprob[i]} at the trainer`,
      )
    );
  }
});

Deno.test("generate() at temperature 0 takes the token that scores highest", async () => {
  const tokens = prompt("greedy", 10);
  const generation = await sample(small, tokens, {
    temperature: 0,
    maxTokens: 3,
    seed: 99,
  });
  for (const [i, chosen] of generation.tokens.entries()) {
    const before = [...tokens, ...generation.tokens.slice(0, i)];
    const scores = await small.engine.score(
      Array.from({ length: V }, (_, token) => [...before, token]),
    );
    const last = scores.map((score) => score.at(-1)!);
    assertEquals(last.indexOf(Math.max(...last)), chosen);
    assertClose([generation.logprobs[i]!], [last[chosen]!], {
      tolerance: 1e-4,
    });
  }
});

Deno.test("generate() ends at a stop token, at maxTokens and at the context's end", async () => {
  const tokens = prompt("ends", 10);
  const long = await sample(small, tokens, { maxTokens: 1000 });
  assertEquals([long.tokens.length, long.finishReason], [90, "length"]);
  for (const maxTokens of [1, 4, 5, 13]) {
    const { tokens: some, finishReason } = await sample(small, tokens, {
      maxTokens,
    });
    assertEquals([some, finishReason], [
      long.tokens.slice(0, maxTokens),
      "length",
    ]);
  }
  const stop = long.tokens[9]!;
  const end = long.tokens.indexOf(stop) + 1;
  const stopped = await sample(small, tokens, { stopTokens: [V + 5, stop] });
  assertEquals(stopped.tokens, long.tokens.slice(0, end));
  assertEquals(stopped.finishReason, "stop");
  const full = await sample(small, prompt("full", 99));
  assertEquals([full.tokens.length, full.finishReason], [1, "length"]);
});

Deno.test("generate() streams what it returns", async () => {
  const tokens: number[] = [], logprobs: number[] = [], sizes: number[] = [];
  const generation = await small.engine.generate({
    tokens: prompt("stream", 5),
    sampling: { ...SAMPLING, maxTokens: 10 },
    onTokens: (some, scores) => {
      tokens.push(...some);
      logprobs.push(...scores);
      sizes.push(some.length);
    },
  });
  assertEquals(tokens, generation.tokens);
  assertEquals(logprobs, generation.logprobs);
  assertEquals(sizes, [4, 4, 2]);
});

Deno.test("generate() stops when it is cancelled, and returns what it had", async () => {
  const whole = await sample(small, prompt("cancel", 5), { maxTokens: 90 });
  const controller = new AbortController();
  const streamed: number[] = [];
  const generation = await small.engine.generate({
    tokens: prompt("cancel", 5),
    sampling: { ...SAMPLING, maxTokens: 90 },
    signal: controller.signal,
    onTokens: (tokens) => {
      streamed.push(...tokens);
      if (streamed.length >= 8) controller.abort();
    },
  });
  assertEquals(generation.finishReason, "abort");
  assertEquals(generation.tokens, streamed);
  assertTrue(streamed.length >= 8 && streamed.length < 90);
  assertEquals(streamed, whole.tokens.slice(0, streamed.length));
  const late = await small.engine.generate({
    tokens: prompt("cancel", 5),
    sampling: SAMPLING,
    signal: controller.signal,
  });
  assertEquals([late.tokens, late.finishReason], [[], "abort"]);
  assertEquals((await small.engine.health()).running, 0);
});

Deno.test("generate() refuses requests it cannot serve, and serves on", async () => {
  const cases: readonly [number[], Partial<Sampling>, string][] = [
    [[], {}, "no tokens"],
    [prompt("long", 100), {}, "100 tokens, but the context ends at 100"],
    [[1, V], {}, `Token id ${V} is outside the model's vocabulary of ${V}`],
    [[1, -1], {}, "Token id -1"],
    [[1.5], {}, "Token id 1.5"],
    [[1], { maxTokens: 0 }, "maxTokens"],
    [[1], { stopTokens: new Array(9).fill(2) }, "at most 8"],
    [[1], { temperature: NaN }, "temperature"],
  ];
  for (const [tokens, sampling, message] of cases) {
    await assertRejects(
      () => sample(small, tokens, sampling),
      EngineError,
      message,
    );
  }
  assertEquals((await sample(small, [1], { maxTokens: 2 })).tokens.length, 2);
});

Deno.test("generate() serves more requests than fit, through a cache that must evict", async () => {
  await using tight = await openSmall({ maxBatch: 3, cacheTokens: 110 });
  const requests = variety(25);
  const answers = await Promise.all(
    requests.map(({ tokens, sampling }) => sample(tight, tokens, sampling)),
  );
  assertEquals(answers, await Promise.all(requests.map(run)));
  const turns = requests.map(({ tokens, sampling }, i) =>
    sample(tight, [...tokens, ...answers[i]!.tokens, 1, 2, 3], sampling)
  );
  assertEquals((await Promise.all(turns)).length, 25);
  const { running, waiting } = await tight.engine.health();
  assertEquals([running, waiting], [0, 0]);
});
