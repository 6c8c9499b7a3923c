import { EngineError, UserError } from "../../../src/errors.ts";
import { assertEquals, assertRejects, assertTrue } from "../../assert.ts";
import { openTestVllm, sampling } from "./_stubs.ts";

const PROMPT = [5, 6, 7];

function versionsOf(adapters: ReadonlyMap<string, string>): number[] {
  return [...adapters.keys()].map((name) => Number(/-v(\d+)$/.exec(name)![1]));
}

Deno.test("WeightSink.publish() has every server serve an adapter under a name of its own", async () => {
  await using test = await openTestVllm({}, { weights: "lora", servers: 2 });
  const { vllm: { engine, weights }, stubs } = test;
  assertEquals(weights!.kind, "lora");
  await weights!.publish("/run/adapters/v1", 1);
  assertEquals(engine.info.policyVersion, 1);
  for (const { adapters } of stubs) {
    assertEquals([...adapters.values()], ["/run/adapters/v1"]);
  }
  const generation = await engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
  });
  assertEquals(generation.policyVersion, 1);
  const [name] = stubs[0]!.adapters.keys();
  const truth = stubs[0]!.logprobs([...PROMPT, ...generation.tokens], name);
  assertEquals(generation.logprobs, truth.slice(PROMPT.length));
  const [scored] = await engine.score([PROMPT]);
  assertEquals(scored, Float32Array.from(truth.slice(0, PROMPT.length)));
  const loads = stubs.flatMap(({ posts }) => posts).map(([, body]) => body);
  assertTrue(loads.every(({ load_inplace }) => load_inplace === undefined));
});

Deno.test("WeightSink.publish() keeps as many older adapters as episodes may be stale", async () => {
  await using test = await openTestVllm({}, { weights: "lora", staleness: 1 });
  const { vllm: { weights }, stub } = test;
  for (let version = 1; version <= 4; version++) {
    await weights!.publish(`/run/adapters/v${version}`, version);
  }
  assertEquals(versionsOf(stub.adapters), [3, 4]);
  await test.vllm[Symbol.asyncDispose]();
  assertEquals(versionsOf(stub.adapters), []);
});

Deno.test("WeightSink.publish() leaves an adapter loaded while a generation uses it", async () => {
  const held = Promise.withResolvers<void>();
  await using test = await openTestVllm({
    length: ([first]) => first === 5 ? 6 : 1,
    pace: (sampled) => sampled === 3 ? held.promise : Promise.resolve(),
  }, { weights: "lora" });
  const { vllm: { engine, weights }, stub } = test;
  await weights!.publish("/run/v1", 1);
  const begun = Promise.withResolvers<void>();
  const generating = engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
    onTokens: () => begun.resolve(),
  });
  await begun.promise;
  await weights!.publish("/run/v2", 2);
  await weights!.publish("/run/v3", 3);
  assertEquals(versionsOf(stub.adapters), [1, 3]);
  held.resolve();
  assertEquals((await generating).policyVersion, 1);
  while (stub.adapters.size > 1) await new Promise((go) => setTimeout(go, 1));
  assertEquals(versionsOf(stub.adapters), [3]);
});

Deno.test("WeightSink.publish() writes paths as the servers see them", async () => {
  await using test = await openTestVllm({}, {
    weights: "lora",
    paths: { from: "/home/me/runs/", to: "/mnt/runs" },
  });
  await test.vllm.weights!.publish("/home/me/runs/a/v1", 1);
  assertEquals([...test.stub.adapters.values()], ["/mnt/runs/a/v1"]);
  await test.vllm.weights!.publish("/home/me/runsaway/v2", 2);
  assertEquals([...test.stub.adapters.values()], ["/home/me/runsaway/v2"]);
});

Deno.test("WeightSink.publish() fails with the server's words and the folder, and serves what it served", async () => {
  await using test = await openTestVllm({}, { weights: "lora" });
  const { vllm: { engine, weights } } = test;
  await weights!.publish("/run/v1", 1);
  await assertRejects(
    () => weights!.publish("/missing/v2", 2),
    EngineError,
    /No adapter found for \/missing\/v2.*must see the folder/,
  );
  assertEquals(engine.info.policyVersion, 1);
  await assertRejects(
    () => weights!.publish("/run/v1-again", 1),
    EngineError,
    "version 1 is served already",
  );
});

Deno.test("VllmEngine loads its adapters again into a server that was started again", async () => {
  await using test = await openTestVllm({}, { weights: "lora" });
  const { vllm: { engine, weights }, stub } = test;
  await weights!.publish("/run/v1", 1);
  stub.restart();
  const generation = await engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
  });
  assertEquals([generation.policyVersion, generation.invalid], [1, undefined]);
  const [name] = stub.adapters.keys();
  assertEquals(
    generation.logprobs,
    stub.logprobs([...PROMPT, ...generation.tokens], name).slice(3),
  );
});

Deno.test("WeightSink.publish() exchanges whole weights between generations, and forgets cached prefixes", async () => {
  await using test = await openTestVllm({}, { weights: "full", servers: 2 });
  const { vllm: { engine, weights }, stubs } = test;
  assertEquals(weights!.kind, "full");
  const before = engine.generate({ tokens: PROMPT, sampling: sampling() });
  const publishing = weights!.publish("/run/full-1", 1);
  const after = engine.generate({ tokens: PROMPT, sampling: sampling() });
  await publishing;
  const generations = await Promise.all([before, after]);
  assertEquals(generations.map(({ policyVersion }) => policyVersion), [0, 1]);
  for (const { posts } of stubs) {
    assertEquals(posts.map(([path]) => path), [
      "/collective_rpc",
      "/reset_prefix_cache",
    ]);
    assertEquals(posts[0]![1], {
      method: "reload_weights",
      kwargs: { weights_path: "/run/full-1" },
    });
  }
  assertEquals(
    generations[1]!.logprobs,
    stubs[0]!.logprobs([...PROMPT, ...generations[1]!.tokens]).slice(3),
  );
  await assertRejects(
    () => weights!.publish("/run/full-1", 2),
    EngineError,
    "a folder of its own",
  );
});

Deno.test("VllmEngine loads whole weights again into a server that was started again", async () => {
  await using test = await openTestVllm({}, {
    weights: "full",
    observeSeconds: 0,
  });
  const { vllm: { engine, weights }, stub } = test;
  await weights!.publish("/run/full-1", 1);
  stub.restart();
  await new Promise((resolve) => setTimeout(resolve, 2));
  const { policyVersion } = await engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
  });
  assertEquals([policyVersion, stub.weights], [1, "/run/full-1"]);
});

Deno.test("Vllm.sleep() waits for generations under way and holds new ones back until wake()", async () => {
  await using test = await openTestVllm({}, { sleeps: true });
  const { vllm, stub } = test;
  const generate = () =>
    vllm.engine.generate({ tokens: PROMPT, sampling: sampling() });
  const first = generate();
  await vllm.sleep();
  assertEquals(stub.sleeping, true);
  assertEquals((await first).finishReason, "stop");
  const before = stub.requests.length;
  const second = generate();
  await new Promise((resolve) => setTimeout(resolve, 10));
  assertEquals(stub.requests.length, before);
  await vllm.wake();
  assertEquals((await second).tokens, (await first).tokens);
});

Deno.test("openVllm() refuses a server that has the routes of sleep, and says that it cannot", async () => {
  const info = (enable_sleep_mode: boolean): typeof fetch => (input, init) =>
    String(input).endsWith("/server_info?config_format=json")
      ? Promise.resolve(
        Response.json({
          vllm_config: { model_config: { enable_sleep_mode } },
        }),
      )
      : fetch(input, init);
  await assertRejects(
    () => openTestVllm({}, { sleeps: true, fetch: info(false) }),
    UserError,
    /lacks sleep mode: start it with --enable-sleep-mode/,
  );
  await using _ = await openTestVllm({}, { sleeps: true, fetch: info(true) });
  await using _other = await openTestVllm({}, { fetch: info(false) });
});

Deno.test("openVllm() names what a server lacks, and the flag that turns it on", async () => {
  const cases = [
    [{ version: "0.16.2" }, {}, "use 0.17 or newer"],
    [{ version: "0.20.0" }, { model: "other" }, "--served-model-name"],
    [
      { without: ["/v1/load_lora_adapter"] },
      { weights: "lora" },
      /VLLM_ALLOW_RUNTIME_LORA_UPDATING.*--enable-lora/,
    ],
    [
      { without: ["/collective_rpc"] },
      { weights: "full" },
      "VLLM_SERVER_DEV_MODE=1",
    ],
    [{ without: ["/sleep"] }, { sleeps: true }, "--enable-sleep-mode"],
    [
      { apiKey: "secret" },
      {},
      "401: Unauthorized: name the environment variable that holds its key in engine.api_key_env",
    ],
    [
      {},
      { sampling: { temperature: 0.7 } },
      "--logprobs-mode processed_logprobs",
    ],
    [
      { logprobsMode: "processed" },
      { sampling: { topK: 20 } },
      "--logprobs-mode raw_logprobs",
    ],
  ] as const;
  for (const [stub, options, words] of cases) {
    await assertRejects(() => openTestVllm(stub, options), UserError, words);
  }
  const test = await openTestVllm({ apiKey: "secret" }, { apiKey: "secret" });
  assertEquals(test.vllm.servers[0]!.version, "0.20.0");
  const { url } = test.stub;
  await test[Symbol.asyncDispose]();
  await assertRejects(
    () => openTestVllm({}, { urls: [url] }),
    UserError,
    /Connection refused/,
  );
});
