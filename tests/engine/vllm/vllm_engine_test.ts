import type { Generation } from "../../../src/engine/mod.ts";
import { EngineError } from "../../../src/errors.ts";
import { assertEquals, assertRejects, assertTrue } from "../../assert.ts";
import { openTestVllm, sampling } from "./_stubs.ts";
import type { Json, StubVllm } from "./_stub_vllm.ts";

const PROMPT = [5, 6, 7];

/** Fails unless each logprob is the one that the stub's policy gives its token. */
function assertTrueToPolicy(
  { tokens, logprobs }: Generation,
  prompt: readonly number[],
  stub: StubVllm,
): void {
  const all = stub.logprobs([...prompt, ...tokens]);
  assertEquals(logprobs, all.slice(prompt.length));
}

Deno.test("VllmEngine.generate() returns what the server sampled, to the token", async () => {
  await using test = await openTestVllm({ chunk: 3 });
  const { vllm: { engine }, stub } = test;
  const pieces: number[] = [];
  const generation = await engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
    onTokens: (tokens) => pieces.push(...tokens),
  });
  assertTrueToPolicy(generation, PROMPT, stub);
  assertEquals(pieces, generation.tokens);
  assertEquals(generation.tokens.at(-1), 2);
  assertEquals(generation.finishReason, "stop");
  assertEquals(generation.policyVersion, 0);
  assertEquals(generation.invalid, undefined);
  const again = await engine.generate({ tokens: PROMPT, sampling: sampling() });
  assertEquals(again, generation);
});

Deno.test("VllmEngine.generate() sends every sampling parameter, so that the server's defaults have no say", async () => {
  await using test = await openTestVllm();
  await test.vllm.engine.generate({
    tokens: PROMPT,
    sampling: sampling({ topK: 5, topP: 0.9, minP: 0.1, maxTokens: 9 }),
  });
  const { stream_options: _, ...body } = test.stub.requests.at(-1);
  assertEquals(body, {
    model: "base",
    prompt: PROMPT,
    stream: true,
    max_tokens: 9,
    temperature: 1,
    top_k: 5,
    top_p: 0.9,
    min_p: 0.1,
    repetition_penalty: 1,
    presence_penalty: 0,
    frequency_penalty: 0,
    seed: 7,
    stop_token_ids: [2],
    ignore_eos: true,
    logprobs: 0,
    return_token_ids: true,
    cache_salt: "policy-0",
  });
});

Deno.test("VllmEngine.generate() asks for no more tokens than the context holds", async () => {
  await using test = await openTestVllm({ maxContext: 21 });
  const { engine } = test.vllm;
  assertEquals(engine.info.maxContext, 20);
  const tokens = Array.from({ length: 15 }, (_, at) => at + 3);
  const generation = await engine.generate({
    tokens,
    sampling: sampling({ maxTokens: 1000, stopTokens: [] }),
  });
  assertEquals([generation.tokens.length, generation.finishReason], [
    5,
    "length",
  ]);
  await assertRejects(
    () =>
      engine.generate({
        tokens: [...tokens, ...PROMPT, 8, 9],
        sampling: sampling(),
      }),
    EngineError,
    "20 tokens, but the context ends at 20",
  );
});

Deno.test("VllmEngine.generate() returns what was sampled when it is aborted, and has the server stop", async () => {
  const aborting = new AbortController();
  await using test = await openTestVllm({
    length: () => 400,
    pace: (sampled) =>
      new Promise((resolve) => setTimeout(resolve, sampled < 3 ? 0 : 20)),
  });
  const { vllm: { engine }, stub } = test;
  const generation = await engine.generate({
    tokens: PROMPT,
    sampling: sampling({ maxTokens: 400 }),
    signal: aborting.signal,
    onTokens() {
      if (stub.requests.length > 0) aborting.abort();
    },
  });
  assertEquals(generation.finishReason, "abort");
  assertTrue(generation.tokens.length > 0 && generation.tokens.length < 10);
  assertTrueToPolicy(generation, PROMPT, stub);
  while (stub.running > 0) await new Promise((go) => setTimeout(go, 1));
  const before = stub.requests.length;
  const late = await engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
    signal: aborting.signal,
  });
  assertEquals([late.finishReason, late.tokens], ["abort", []]);
  assertEquals(stub.requests.length, before);
});

Deno.test("VllmEngine.generate() marks a sample whose ids, logprobs and usage disagree", async () => {
  const spoilers: readonly [string, (event: Json) => Json][] = [
    ["1 token ids came with 0 logprobs", (event) => {
      const logprobs = event.choices[0] && { token_logprobs: [] };
      return withChoice(event, { logprobs });
    }],
    [
      "0 token ids came with 1 logprobs",
      (event) => withChoice(event, { token_ids: null }),
    ],
    ["1 token ids came with a usage of 2 tokens", (event) => ({
      ...event,
      usage: { completion_tokens: event.usage.completion_tokens + 1 },
    })],
    ["no usage came with the token ids", (event) => ({
      ...event,
      usage: null,
    })],
    [
      "the server's prompt has 4 tokens and ours 3, and token 0 is another one",
      (event) => withChoice(event, { prompt_token_ids: [1, ...PROMPT] }),
    ],
  ];
  for (const [reason, spoil] of spoilers) {
    await using test = await openTestVllm({ spoil });
    const generation = await test.vllm.engine.generate({
      tokens: PROMPT,
      sampling: sampling(),
    });
    assertEquals(generation.invalid, reason);
    assertEquals(generation.tokens.length, generation.logprobs.length);
    assertEquals(test.vllm.stats.invalid, 1);
  }
});

function withChoice(event: Json, change: Json): Json {
  const choices = event.choices.map((choice: Json) => ({
    ...choice,
    ...change,
  }));
  return { ...event, choices };
}

Deno.test("VllmEngine.generate() marks samples whose logprobs are not those of their temperature", async () => {
  const cases = [
    ["raw", { temperature: 0.5 }, /--logprobs-mode processed_logprobs/],
    ["raw", { temperature: 0.5, topK: 3 }, /sample at temperature 1$/],
    ["raw", { topP: 0.5 }, undefined],
    ["raw", { temperature: 0 }, undefined],
    ["processed", { temperature: 0.5 }, undefined],
    ["processed", { topP: 0.5 }, /--logprobs-mode raw_logprobs/],
    ["processed", { minP: 0.5, temperature: 2 }, /leave these off/],
  ] as const;
  for (const [logprobsMode, changes, reason] of cases) {
    await using test = await openTestVllm({ logprobsMode });
    const { invalid } = await test.vllm.engine.generate({
      tokens: PROMPT,
      sampling: sampling(changes),
    });
    assertTrue(
      reason === undefined ? invalid === undefined : reason.test(invalid ?? ""),
      `${logprobsMode} ${JSON.stringify(changes)}: ${invalid}`,
    );
  }
});

Deno.test("VllmEngine.score() gives every token's logprob at temperature 1", async () => {
  await using test = await openTestVllm({}, { servers: 2 });
  const sequences = [[5, 6, 7, 8], [6, 4], [9]];
  const scored = await test.vllm.engine.score(sequences);
  assertEquals(
    scored,
    sequences.map((tokens) => Float32Array.from(test.stub.logprobs(tokens))),
  );
  for (const [at, { requests }] of test.stubs.entries()) {
    const { prompt, prompt_logprobs, max_tokens } = requests.at(-1);
    assertEquals([prompt, prompt_logprobs, max_tokens], [sequences[at], 0, 1]);
  }
});

Deno.test("VllmEngine spreads requests over servers, and keeps those with one key together", async () => {
  await using test = await openTestVllm({}, { servers: 3 });
  const { vllm: { engine }, stubs } = test;
  const generate = (seed: number, affinity?: string) =>
    engine.generate({
      tokens: [4, seed],
      sampling: sampling({ seed }),
      ...(affinity !== undefined && { affinity }),
    });
  const homes = () =>
    stubs.map(({ requests }) =>
      requests.filter(({ prompt }) => prompt[0] === 4).length
    );
  await Promise.all(Array.from({ length: 9 }, (_, seed) => generate(seed)));
  assertEquals(homes(), [3, 3, 3]);
  for (let turn = 0; turn < 5; turn++) {
    await Promise.all(
      ["a", "b", "c"].map((key, at) => generate(100 * at + turn, key)),
    );
  }
  assertEquals(homes(), [8, 8, 8]);
  for (const { requests } of stubs) {
    const keys = requests.map(({ prompt }) => Math.floor(prompt[1] / 100))
      .slice(-5);
    assertEquals(new Set(keys).size, 1);
  }
});

Deno.test("VllmEngine sends a server no more requests than it may", async () => {
  let most = 0;
  await using test = await openTestVllm({
    pace: () => new Promise((resolve) => setTimeout(resolve, 1)),
  }, { maxInFlight: 3, servers: 2 });
  const { vllm: { engine }, stubs } = test;
  await Promise.all(
    Array.from({ length: 20 }, (_, seed) =>
      engine.generate({
        tokens: PROMPT,
        sampling: sampling({ seed, maxTokens: 4 }),
        onTokens() {
          most = Math.max(most, ...stubs.map(({ running }) => running));
        },
      })),
  );
  assertEquals(most, 3);
  const { ok, running, waiting } = await engine.health();
  assertEquals([ok, running, waiting], [true, 0, 0]);
});

Deno.test("VllmEngine leaves a server alone whose own queue is long", async () => {
  await using test = await openTestVllm({}, {
    maxQueued: 10,
    observeSeconds: 0.02,
  });
  const { vllm: { engine }, stub } = test;
  stub.waiting = 11;
  await new Promise((resolve) => setTimeout(resolve, 25));
  const before = stub.requests.length;
  const generating = engine.generate({ tokens: PROMPT, sampling: sampling() });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(stub.requests.length, before);
  stub.waiting = 10;
  assertEquals((await generating).finishReason, "stop");
});

Deno.test("VllmEngine serves nothing once it is closed", async () => {
  const test = await openTestVllm();
  await test[Symbol.asyncDispose]();
  await assertRejects(
    () => test.vllm.engine.generate({ tokens: PROMPT, sampling: sampling() }),
    EngineError,
    "closed",
  );
});
