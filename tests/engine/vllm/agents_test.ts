import type { Generation, Vllm } from "../../../src/engine/mod.ts";
import { EngineError } from "../../../src/errors.ts";
import { assertEquals, assertMatch, assertRejects } from "../../assert.ts";
import type { StubVllm } from "./_stub_vllm.ts";
import { openTestVllm, sampling } from "./_stubs.ts";

const PROMPT = [5, 6, 7];
const AGENTS = ["solver", "critic"];
const LORA = { weights: "lora", agents: AGENTS } as const;

/** What a stub has loaded: the ends of the names, and the folders. */
function loadedIn({ adapters }: StubVllm): string[] {
  return [...adapters].map(([name, folder]) =>
    `${name.replace(/^policy-[^-]+-/, "")} ${folder}`
  );
}

function sample(
  { engine }: Vllm,
  adapter?: string,
  onTokens: () => void = () => {},
): Promise<Generation> {
  return engine.generate({
    tokens: PROMPT,
    sampling: sampling(),
    onTokens,
    ...(adapter !== undefined && { adapter }),
  });
}

/** Logprobs of a generation under what a stub has loaded from a folder. */
function truth(stub: StubVllm, { tokens }: Generation, from: string): number[] {
  const [name] = stub.adapters.entries()
    .find(([, folder]) => folder === from)!;
  return stub.logprobs([...PROMPT, ...tokens], name).slice(PROMPT.length);
}

Deno.test("VllmEngine samples and scores an agent's tokens under the agent's own adapter, of the newest version", async () => {
  await using test = await openTestVllm({}, { ...LORA, servers: 2 });
  const { vllm, stubs } = test;
  // Until then there is the base model, for all of them.
  assertEquals((await sample(vllm, "critic")).policyVersion, 0);
  await vllm.weights!.publish("/run/v1", 1);
  for (const stub of stubs) {
    assertEquals(loadedIn(stub), [
      "v1 /run/v1",
      "v1-solver /run/v1/solver",
      "v1-critic /run/v1/critic",
    ]);
  }
  await vllm.weights!.publish("/run/v2", 2);
  for (
    const [adapter, folder] of [
      [undefined, "/run/v2"],
      ["default", "/run/v2"],
      ["solver", "/run/v2/solver"],
      ["critic", "/run/v2/critic"],
    ] as const
  ) {
    const generation = await sample(vllm, adapter);
    assertEquals([generation.policyVersion, generation.invalid], [
      2,
      undefined,
    ]);
    assertEquals(generation.logprobs, truth(stubs[0]!, generation, folder));
    const tokens = [...PROMPT, ...generation.tokens];
    const [scored] = await vllm.engine.score(
      [tokens],
      adapter === undefined ? {} : { adapter },
    );
    assertEquals(
      scored!.subarray(PROMPT.length),
      Float32Array.from(generation.logprobs),
    );
  }
});

Deno.test("VllmEngine refuses adapters that it is not to serve", async () => {
  for (
    const options of [LORA, { weights: "full" as const }, {
      weights: "lora" as const,
    }]
  ) {
    await using test = await openTestVllm({}, options);
    const { vllm } = test;
    const words = 'vLLM serves no adapter "judge"';
    await assertRejects(() => sample(vllm, "judge"), EngineError, words);
    await assertRejects(
      () => vllm.engine.score([PROMPT], { adapter: "judge" }),
      EngineError,
      words,
    );
    await assertRejects(
      () => vllm.engine.score([PROMPT], { adapter: null }),
      EngineError,
      "does not serve the model without its adapter",
    );
    // It goes on as before.
    assertEquals((await sample(vllm)).finishReason, "stop");
    assertEquals((await vllm.engine.score([PROMPT])).length, 1);
  }
});

Deno.test("WeightSink.publish() unloads a version as a whole, once no agent's generation uses it and newer ones are enough", async () => {
  const held = Promise.withResolvers<void>();
  await using test = await openTestVllm({
    length: () => 6,
    pace: (sampled) => sampled === 3 ? held.promise : Promise.resolve(),
  }, { ...LORA, staleness: 1 });
  const { vllm, stub } = test;
  const { weights } = vllm;
  const versions = () => new Set(loadedIn(stub).map((each) => each.at(1)));
  await weights!.publish("/run/v1", 1);
  const begun = Promise.withResolvers<void>();
  const generating = sample(vllm, "critic", () => begun.resolve());
  await begun.promise;
  await weights!.publish("/run/v2", 2);
  await weights!.publish("/run/v3", 3);
  await weights!.publish("/run/v4", 4);
  // 2 went before 1, and 3 is kept since episodes may be so stale.
  assertEquals(versions(), new Set(["1", "3", "4"]));
  assertEquals(stub.adapters.size, 9);
  assertEquals(weights!.folders, ["/run/v1", "/run/v3", "/run/v4"]);
  held.resolve();
  const generation = await generating;
  assertEquals(generation.policyVersion, 1);
  while (stub.adapters.size > 6) await new Promise((go) => setTimeout(go, 1));
  assertEquals(versions(), new Set(["3", "4"]));
  assertEquals(weights!.folders, ["/run/v3", "/run/v4"]);
  await vllm[Symbol.asyncDispose]();
  assertEquals(stub.adapters.size, 0);
  const loads = stub.posts.filter(([path]) => path === "/v1/load_lora_adapter")
    .map(([, body]) => body);
  assertEquals(new Set(loads.map(({ lora_name }) => lora_name)).size, 12);
  assertEquals(loads.some((body) => "load_inplace" in body), false);
});

Deno.test("VllmEngine loads all agents' adapters of all versions again into a server that was started again", async () => {
  await using test = await openTestVllm({}, { ...LORA, staleness: 1 });
  const { vllm, stub } = test;
  await vllm.weights!.publish("/run/v1", 1);
  await vllm.weights!.publish("/run/v2", 2);
  const before = loadedIn(stub);
  assertEquals(before.length, 6);
  stub.restart();
  const generation = await sample(vllm, "critic");
  assertEquals(loadedIn(stub), before);
  assertEquals(
    generation.logprobs,
    truth(stub, generation, "/run/v2/critic"),
  );
});

Deno.test("VllmEngine loads an agent's adapter again that the server has lost, and it alone", async () => {
  await using test = await openTestVllm({}, LORA);
  const { vllm, stub } = test;
  await vllm.weights!.publish("/run/v1", 1);
  const [, , critic] = stub.adapters.keys();
  stub.adapters.delete(critic!);
  stub.posts.length = 0;
  const generation = await sample(vllm, "critic");
  assertEquals(
    generation.logprobs,
    truth(stub, generation, "/run/v1/critic"),
  );
  assertEquals(stub.posts.map(([, body]) => body.lora_name), [critic]);
});

Deno.test("WeightSink.publish() serves no version of which an agent's adapter cannot be loaded, or is not there then", async () => {
  await using test = await openTestVllm({ forgets: "lost/critic" }, {
    ...LORA,
    patienceSeconds: 0.02,
  });
  const { vllm, stub } = test;
  await vllm.weights!.publish("/run/v1", 1);
  await assertRejects(
    () => vllm.weights!.publish("/run/lost", 2),
    EngineError,
    /does not list adapter policy-\w+-v2-critic after it was loaded/,
  );
  assertEquals(vllm.engine.info.policyVersion, 1);
  const generation = await sample(vllm, "critic");
  assertEquals(
    generation.logprobs,
    truth(stub, generation, "/run/v1/critic"),
  );
  await vllm[Symbol.asyncDispose]();
  assertEquals(loadedIn(stub), []);

  await using other = await openTestVllm({}, {
    ...LORA,
    agents: ["missing"],
  });
  await assertRejects(
    () => other.vllm.weights!.publish("/run/v1", 1),
    EngineError,
    /No adapter found for \/run\/v1\/missing.*the server must see the folder \/run\/v1\/missing/,
  );
});

Deno.test("WeightSink.publish() goes on with the adapter at which a server went away", async () => {
  const names: string[] = [];
  let isLost = false;
  await using test = await openTestVllm({}, {
    ...LORA,
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      const isLoad = String(input).endsWith("/v1/load_lora_adapter");
      // Asked without a body, it only says whether the route is there.
      if (!isLoad || init?.body === undefined) return answer;
      const { lora_name } = JSON.parse(String(init.body));
      names.push(lora_name.replace(/^policy-[^-]+-/, ""));
      if (isLost || !lora_name.endsWith("-solver")) return answer;
      isLost = true;
      await answer.body?.cancel();
      throw new TypeError("Connection reset by peer");
    },
  });
  await test.vllm.weights!.publish("/run/v1", 1);
  assertEquals(names, ["v1", "v1-solver", "v1-critic"]);
  assertEquals(test.stub.adapters.size, 3);
});

Deno.test("WeightSink.publish() writes the paths of agents' adapters as the servers see them", async () => {
  await using test = await openTestVllm({}, {
    ...LORA,
    paths: { from: "/home/me/runs", to: "/mnt/runs" },
  });
  await test.vllm.weights!.publish("/home/me/runs/a/v1", 1);
  assertEquals([...test.stub.adapters.values()], [
    "/mnt/runs/a/v1",
    "/mnt/runs/a/v1/solver",
    "/mnt/runs/a/v1/critic",
  ]);
});

Deno.test("openVllm() says which flag gives room for the adapters of all agents and versions", async () => {
  const heard = async (maxLoras: number, staleness: number) => {
    const notes: string[] = [];
    await using _ = await openTestVllm({ maxLoras }, {
      ...LORA,
      staleness,
      onNote: (words) => notes.push(words),
    });
    return notes;
  };
  assertEquals(await heard(3, 0), []);
  assertEquals(await heard(6, 1), []);
  const [one] = await heard(1, 0);
  assertMatch(one!, /computes with 1 adapter at a time.* --max-loras 3$/);
  const [five] = await heard(5, 1);
  assertMatch(five!, /computes with 5 adapters at a time.* --max-loras 6$/);
});

Deno.test("Vllm.hold() lets generations under way end, and holds new ones back but no scores", async () => {
  await using test = await openTestVllm({}, LORA);
  const { vllm, stub } = test;
  const first = sample(vllm);
  const holding = await vllm.hold();
  assertEquals((await first).finishReason, "stop");
  const before = stub.requests.length;
  const second = sample(vllm, "critic");
  await vllm.engine.score([PROMPT], { adapter: "solver" });
  await vllm.engine.score([PROMPT], { adapter: "critic" });
  const streams = stub.requests.slice(before).map(({ stream }) => stream);
  assertEquals(streams, [undefined, undefined]);
  holding[Symbol.dispose]();
  assertEquals((await second).tokens, (await first).tokens);
});
