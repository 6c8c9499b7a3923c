import { EngineError } from "../../../src/errors.ts";
import { assertEquals, assertRejects } from "../../assert.ts";
import { openTestVllm, sampling } from "./_stubs.ts";

const PROMPT = [5, 6, 7];

/** What comes in place of an answer. */
type Trouble =
  | "refused"
  /** The server has done what it was asked for, and nobody hears of it. */
  | "lost"
  | { readonly status: number; readonly retryAfter?: string };

/** A fetch that fails for requests to `path`, as long as there are troubles left. */
function troubled(path: string, troubles: Trouble[]): typeof fetch {
  return async (input, init) => {
    const { pathname } = new URL(String(input));
    const trouble = pathname === path ? troubles.shift() : undefined;
    switch (trouble) {
      case undefined:
        return await fetch(input, init);
      case "refused":
        throw new TypeError("Connection refused");
      case "lost": {
        const answer = await fetch(input, init);
        await answer.body?.cancel();
        throw new TypeError("Connection reset by peer");
      }
      default: {
        const { status, retryAfter } = trouble;
        return new Response("out of luck", {
          status,
          ...(retryAfter && { headers: { "retry-after": retryAfter } }),
        });
      }
    }
  };
}

/** Paths of the posts to a stub, but those about sampling. */
function pathsOf(posts: readonly (readonly [string, unknown])[]): string[] {
  return posts.map(([path]) => path);
}

Deno.test("WeightSink.publish() waits for a server that is away, and says so once", async () => {
  const troubles: Trouble[] = [];
  const heard: string[] = [];
  await using test = await openTestVllm({}, {
    weights: "lora",
    fetch: troubled("/v1/load_lora_adapter", troubles),
    onNote: (words) => heard.push(words),
  });
  const { vllm: { engine, weights }, stub } = test;
  troubles.push("refused", { status: 503, retryAfter: "0.01" }, {
    status: 502,
  });
  await weights!.publish("/run/v1", 1);
  assertEquals([...stub.adapters.values()], ["/run/v1"]);
  assertEquals(engine.info.policyVersion, 1);
  assertEquals(heard, [
    `vLLM at ${stub.url} does not answer: Connection refused; it is tried again`,
    `vLLM at ${stub.url} is back`,
  ]);
});

Deno.test("WeightSink.publish() loads no adapter twice whose loading was not heard of", async () => {
  const troubles: Trouble[] = [];
  await using test = await openTestVllm({}, {
    weights: "lora",
    fetch: troubled("/v1/load_lora_adapter", troubles),
  });
  troubles.push("lost");
  await test.vllm.weights!.publish("/run/v1", 1);
  assertEquals(pathsOf(test.stub.posts), ["/v1/load_lora_adapter"]);
});

Deno.test("WeightSink.publish() loads whole weights again where a server went away meanwhile", async () => {
  const troubles: Trouble[] = [];
  await using test = await openTestVllm({}, {
    weights: "full",
    fetch: troubled("/reset_prefix_cache", troubles),
  });
  const { vllm: { weights }, stub } = test;
  troubles.push("refused");
  await weights!.publish("/run/full-1", 1);
  assertEquals(stub.weights, "/run/full-1");
  assertEquals(pathsOf(stub.posts), [
    "/collective_rpc",
    "/collective_rpc",
    "/reset_prefix_cache",
  ]);
});

Deno.test("WeightSink.publish() gives a server up that stays away, or refuses", async () => {
  const troubles: Trouble[] = [];
  await using test = await openTestVllm({}, {
    weights: "lora",
    patienceSeconds: 0.05,
    fetch: troubled("/v1/load_lora_adapter", troubles),
  });
  const { vllm: { engine, weights }, stub } = test;
  troubles.push(...Array.from({ length: 50 }, () => "refused" as const));
  await assertRejects(
    () => weights!.publish("/run/v1", 1),
    EngineError,
    /Connection refused.*it was tried for 0.05 s/,
  );
  troubles.length = 0;
  await assertRejects(
    () => weights!.publish("/missing/v1", 1),
    EngineError,
    "No adapter found",
  );
  assertEquals(pathsOf(stub.posts), ["/v1/load_lora_adapter"]);
  assertEquals(engine.info.policyVersion, 0);
});

Deno.test("WeightSink.publish() waits no longer once the run is given up", async () => {
  const end = new AbortController();
  const troubles: Trouble[] = [];
  await using test = await openTestVllm({}, {
    weights: "lora",
    patienceSeconds: 600,
    signal: end.signal,
    fetch: troubled("/v1/load_lora_adapter", troubles),
    onNote: () => end.abort(new Error("given up")),
  });
  troubles.push({ status: 503, retryAfter: "500" });
  await assertRejects(
    () => test.vllm.weights!.publish("/run/v1", 1),
    Error,
    "given up",
  );
});

for (const kind of ["lora", "full"] as const) {
  Deno.test(`VllmEngine.score() scores with the published weights of kind ${kind} where a server was started again`, async () => {
    const troubles: Trouble[] = [];
    await using test = await openTestVllm({}, {
      weights: kind,
      servers: 2,
      observeSeconds: 600,
      fetch: troubled("/v1/completions", troubles),
    });
    const { vllm: { engine, weights }, stubs } = test;
    await weights!.publish("/run/1", 1);
    const sequences = [[...PROMPT, 8], [9, 10, 11], [12, 13, 14]];
    const truth = await engine.score(sequences);
    stubs[1]!.restart();
    assertEquals(await engine.score(sequences), truth);

    // It goes away between two of its sequences.
    troubles.push("refused");
    stubs[0]!.restart();
    assertEquals(await engine.score(sequences), truth);
  });
}

Deno.test("VllmEngine samples on, after a restart in the middle, from the adapter that it began with", async () => {
  let isCut = false;
  await using test = await openTestVllm({ length: () => 20 }, {
    weights: "lora",
    staleness: 1,
    observeSeconds: 600,
    fetch: async (input, init) => {
      const answer = await fetch(input, init);
      const type = answer.headers.get("content-type");
      if (isCut || !type?.startsWith("text/event-stream")) return answer;
      isCut = true;
      return cutAfter(5, answer, async () => {
        await weights!.publish("/run/v2", 2);
        stub.restart();
      });
    },
  });
  const { vllm: { engine, weights }, stub } = test;
  await weights!.publish("/run/v1", 1);
  const { tokens, logprobs, policyVersion, invalid } = await engine.generate({
    tokens: PROMPT,
    sampling: sampling({ maxTokens: 30 }),
  });
  assertEquals([policyVersion, invalid], [1, undefined]);
  assertEquals(test.vllm.stats.failures, { broken: 1 });
  assertEquals([...stub.adapters.values()], ["/run/v1", "/run/v2"]);
  const [name] = stub.adapters.keys();
  assertEquals(logprobs, stub.logprobs([...PROMPT, ...tokens], name).slice(3));
});

/** The first pieces of an answer; then something happens, and the connection breaks. */
function cutAfter(
  pieces: number,
  { body, headers }: Response,
  happen: () => Promise<void>,
): Response {
  let left = pieces;
  const cut = new TransformStream<Uint8Array, Uint8Array>({
    async transform(piece, controller) {
      if (left-- > 0) return controller.enqueue(piece);
      await happen();
      controller.error(new TypeError("Connection reset by peer"));
    },
  });
  return new Response(body!.pipeThrough(cut), { headers });
}
