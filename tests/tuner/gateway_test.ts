import { EngineError, ModelError, UserError } from "../../src/errors.ts";
import { Gateway } from "../../src/tuner/mod.ts";
import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import {
  CALCULATOR,
  chat,
  type Json,
  postChat,
  startGateway,
  USER,
} from "./_requests.ts";
import { ScriptedEngine } from "./_scripted_engine.ts";
import { spelled, testModel, tokenId } from "./_test_model.ts";

/** Status and error object of a refused request. */
async function refused(response: Response): Promise<Json> {
  const { error } = await response.json();
  assertEquals(Object.keys(error), ["message", "type", "param", "code"]);
  return { status: response.status, ...error };
}

Deno.test("Gateway answers in OpenAI's form, with true usage and finish reason", async () => {
  await using test = await startGateway({ text: "Hi ✓" }, {
    now: () => 1_700_000_000_500,
  });
  const answer = await chat(test.session, { logprobs: true });
  const prompt = test.engine.requests[0]!.tokens.length;
  const sampled = spelled("Hi ✓").length + 1;
  assertEquals(answer.usage, {
    prompt_tokens: prompt,
    completion_tokens: sampled,
    total_tokens: prompt + sampled,
  });
  assertMatch(answer.id, /^chatcmpl-[0-9a-f]{32}$/);
  assertEquals([answer.object, answer.created, answer.model], [
    "chat.completion",
    1_700_000_000,
    "policy",
  ]);
  const [{ logprobs, ...choice }] = answer.choices;
  assertEquals(choice, {
    index: 0,
    message: { role: "assistant", content: "Hi ✓", refusal: null },
    finish_reason: "stop",
  });
  assertEquals(logprobs.content.length, sampled);
  assertEquals(logprobs.content[0], {
    token: "H",
    logprob: -0.125,
    bytes: [72],
    top_logprobs: [],
  });
});

Deno.test("Gateway records what the engine saw, the stop token included", async () => {
  await using test = await startGateway({ text: "Hi" });
  await chat(test.session, { temperature: 0.5 });
  const [call] = test.session.tree.calls;
  assertEquals([
    call!.agent,
    call!.temperature,
    call!.policyVersion,
    call!.finishReason,
  ], ["default", 0.5, 7, "stop"]);
  assertEquals(Array.from(call!.logprobs), [-0.125, -0.25, -0.375]);
  const [timeline] = test.session.tree.timelines();
  const { tokens } = test.engine.requests[0]!;
  assertEquals(Array.from(timeline!.tokens), [
    ...tokens,
    ...spelled("Hi"),
    tokenId("<|im_end|>"),
  ]);
  assertEquals(test.session.calls, 1);
});

Deno.test("Gateway lets each episode's key open that episode alone", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { gateway, session } = test;
  const other = gateway.openEpisode({ seed: 2 });
  assertMatch(session.apiKey, /^sk-[0-9a-f]{16}-[0-9a-f]{40}$/);
  const keys = [
    "",
    "sk-",
    "sk-00-00",
    other.apiKey,
    session.apiKey + "0",
    session.apiKey.slice(0, -1),
  ];
  for (const apiKey of keys) {
    const { baseUrl } = session;
    const error = await refused(await postChat({ baseUrl, apiKey }));
    assertEquals([error.status, error.code], [401, "invalid_api_key"], apiKey);
  }
  const elsewhere = {
    baseUrl: `${gateway.url}/e/0123/v1`,
    apiKey: session.apiKey,
  };
  assertEquals((await refused(await postChat(elsewhere))).status, 401);
  assertEquals(test.engine.requests.length, 0);

  await chat({ baseUrl: `${gateway.url}/v1`, apiKey: other.apiKey });
  assertEquals([session.calls, other.calls], [0, 1]);
});

Deno.test("Gateway tells agents apart by model name, header or key", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { session } = test;
  await chat(session, { model: "policy:planner" });
  await (await postChat(session, {}, {
    headers: { "x-astuner-agent": "critic" },
  })).json();
  await chat({
    ...session,
    baseUrl: session.baseUrl,
    apiKey: `${session.apiKey}:coder`,
  });
  await chat(session);
  const agents = session.tree.calls.map(({ agent }) => agent);
  assertEquals(agents, ["planner", "critic", "coder", "default"]);

  const error = await refused(await postChat(session, { model: "gpt-4o" }));
  assertEquals([error.status, error.code], [404, "model_not_found"]);
  assertMatch(error.message, 'use "policy"');
});

Deno.test("EpisodeSession.close() ends its key and cancels what is being sampled", async () => {
  const never = Promise.withResolvers<void>();
  await using test = await startGateway({ after: never.promise });
  const { session } = test;
  const pending = postChat(session);
  while (test.engine.requests.length === 0) {
    await new Promise((go) => setTimeout(go, 1));
  }
  assertEquals(session.inFlight, 1);
  await session.close();
  assertEquals(session.inFlight, 0);
  const error = await refused(await pending);
  assertEquals(error.status, 503);
  assertMatch(error.message, "the episode has ended");
  const dead = await refused(await postChat(session));
  assertEquals([dead.status, dead.code], [401, "invalid_api_key"]);
  assertMatch(dead.message, "episode has ended");
});

Deno.test("EpisodeSession.abort() records what it cuts off as untrainable, with the reason", async () => {
  const abort = new AbortController();
  await using test = await startGateway({ text: "Hi", chunk: 1 });
  const session = test.gateway.openEpisode({ seed: 1, signal: abort.signal });
  const stream = await postChat(session, { stream: true });
  abort.abort("the deadline of 5 s has passed");
  assertMatch(await stream.text(), "the deadline of 5 s has passed");
  await session.close();
  const [call] = session.tree.calls;
  assertEquals(call!.finishReason, "abort");
  assertEquals(
    call!.untrainable,
    "the generation was cut off: the deadline of 5 s has passed",
  );
});

Deno.test("Gateway cancels the generation of a client that goes away", async () => {
  // Deno's own server tells of it only where the body is shorter than a kilobyte.
  const prompts = ["Hi", "word ".repeat(300)];
  const ways = prompts.flatMap((content) =>
    [false, true].map((stream) => ({ content, stream }))
  );
  for (const { content, stream } of ways) {
    const never = Promise.withResolvers<void>();
    await using test = await startGateway({ text: "Hi", after: never.promise });
    const leave = new AbortController();
    const messages = [{ role: "user", content }];
    const pending = postChat(test.session, { stream, messages }, {
      signal: leave.signal,
    });
    while (test.engine.requests.length === 0) {
      await new Promise((go) => setTimeout(go, 1));
    }
    leave.abort();
    await assertRejects(() => pending, DOMException);
    while (test.session.calls === 0) {
      await new Promise((go) => setTimeout(go, 1));
    }
    assertEquals(
      test.session.tree.calls[0]!.untrainable,
      "the generation was cut off: the client closed the connection",
    );
  }
});

Deno.test("Gateway cancels the generation when a stream is closed half-way", async () => {
  const text = "word ".repeat(1000);
  await using test = await startGateway({
    text,
    chunk: 1,
    after: Promise.resolve(),
  });
  const leave = new AbortController();
  const response = await postChat(test.session, { stream: true }, {
    signal: leave.signal,
  });
  const reader = response.body!.getReader();
  await reader.read();
  leave.abort();
  await reader.cancel().catch(() => {});
  while (test.session.calls === 0) await new Promise((go) => setTimeout(go, 1));
  const [call] = test.session.tree.calls;
  assertEquals(call!.finishReason, "abort");
  assertTrue(call!.sampledLength < text.length);
});

Deno.test("Gateway serves an episode's calls at the same time", async () => {
  const gate = Promise.withResolvers<void>();
  await using test = await startGateway({ text: "Hi", after: gate.promise });
  const calls = Array.from(
    { length: 8 },
    (_, at) => chat(test.session, { model: `policy:a${at}` }),
  );
  while (test.engine.requests.length < 8) {
    await new Promise((go) => setTimeout(go, 1));
  }
  assertEquals(test.session.inFlight, 8);
  gate.resolve();
  const ids = (await Promise.all(calls)).map(({ id }) => id);
  assertEquals(new Set(ids).size, 8);
  assertEquals([test.session.calls, test.session.inFlight], [8, 0]);
});

Deno.test("Gateway refuses bodies beyond its limit without reading them", async () => {
  await using test = await startGateway({ text: "Hi" });
  const megabyte = new Uint8Array(1024 * 1024).fill(32);
  // Of 50 MB that are announced, not one is sent; of a body without a length, a little too much.
  const bodies = [
    { header: `Content-Length: ${50 * megabyte.length}`, chunks: [] },
    { header: "Transfer-Encoding: chunked", chunks: Array(9).fill(megabyte) },
  ];
  for (const { header, chunks } of bodies) {
    const answer = await postRaw(test.session, header, chunks);
    assertMatch(answer, /^HTTP\/1.1 413 /);
    assertMatch(
      answer,
      '"message":"The request body is larger than the 8388608 bytes allowed"',
    );
  }
  await chat(test.session);
});

/** Sends a request by hand, in chunks if there are any, and returns what comes back at first. */
async function postRaw(
  { baseUrl, apiKey }: { readonly baseUrl: string; readonly apiKey: string },
  header: string,
  chunks: readonly Uint8Array[],
): Promise<string> {
  const { hostname, port, pathname } = new URL(`${baseUrl}/chat/completions`);
  using connection = await Deno.connect({ hostname, port: Number(port) });
  const writer = connection.writable.getWriter();
  const write = (text: string) => writer.write(new TextEncoder().encode(text));
  await write(
    `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${apiKey}\r\n${header}\r\n\r\n`,
  );
  for (const chunk of chunks) {
    await write(`${chunk.length.toString(16)}\r\n`);
    await writer.write(chunk);
    await write("\r\n");
  }
  let answer = "";
  for await (const bytes of connection.readable) {
    answer += new TextDecoder().decode(bytes);
    if (answer.includes("}")) break;
  }
  return answer;
}

Deno.test("Gateway says what is wrong with a request", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { baseUrl, apiKey } = test.session;
  const broken = await refused(
    await fetch(`${baseUrl}/chat/completions`, {
      method: "POST",
      headers: { Authorization: `Bearer ${apiKey}` },
      body: '{"model": "policy", "messages": [',
    }),
  );
  assertEquals(broken.status, 400);
  assertMatch(broken.message, "not valid JSON");
  const wrong = await refused(
    await postChat(test.session, { temperature: "hot" }),
  );
  assertEquals([wrong.status, wrong.param, wrong.type], [
    400,
    "temperature",
    "invalid_request_error",
  ]);
  const missing = await fetch(`${baseUrl}/embeddings`, { method: "POST" });
  assertMatch((await refused(missing)).message, "There is no POST");
  const got = await refused(await fetch(`${baseUrl}/chat/completions`));
  assertEquals(got.status, 405);
  assertMatch(got.message, "/chat/completions takes POST requests");
  const put = await fetch(`${test.gateway.url}/health`, { method: "PUT" });
  assertEquals((await refused(put)).status, 405);
  assertEquals(test.engine.requests.length, 0);
});

Deno.test("Gateway refuses a prompt that leaves no room, and cuts max_tokens to the room there is", async () => {
  await using test = await startGateway({ text: "A long answer", eos: null }, {
    maxContext: 60,
  });
  const content = "word ".repeat(60);
  const error = await refused(
    await postChat(test.session, { messages: [{ role: "user", content }] }),
  );
  assertEquals([error.status, error.code], [400, "context_length_exceeded"]);
  const answer = await chat(test.session, { max_tokens: 1000 });
  assertEquals(
    test.engine.requests[0]!.sampling.maxTokens,
    60 - answer.usage.prompt_tokens,
  );
  assertEquals(answer.choices[0].finish_reason, "length");
});

Deno.test("Gateway samples as the request says, else the episode, unless the episode forces it", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { gateway, engine } = test;
  const asked = {
    temperature: 0.5,
    top_p: 0.9,
    top_k: -1,
    min_p: 0.1,
    max_completion_tokens: 9,
    seed: -1,
  };
  const eosIds = [tokenId("<|im_end|>"), tokenId("<|endoftext|>")];
  const samplings = [
    {
      episode: {},
      request: asked,
      expected: {
        temperature: 0.5,
        topP: 0.9,
        topK: 0,
        minP: 0.1,
        maxTokens: 9,
        seed: 0xffffffff,
      },
    },
    {
      episode: { sampling: { temperature: 0.7, maxTokens: 5 } },
      request: {},
      expected: { temperature: 0.7, maxTokens: 5, topP: 1 },
    },
    {
      episode: { sampling: { temperature: 0.7 } },
      request: asked,
      expected: { temperature: 0.5 },
    },
    {
      episode: { force: { temperature: 0, topP: 1 } },
      request: asked,
      expected: { temperature: 0, topP: 1, minP: 0.1 },
    },
  ];
  for (const { episode, request, expected } of samplings) {
    await chat(gateway.openEpisode({ seed: 1, ...episode }), request);
    const { sampling } = engine.requests.at(-1)!;
    assertEquals({ ...sampling, ...expected }, sampling);
    assertEquals(sampling.stopTokens, eosIds);
  }
});

Deno.test("Gateway seeds calls by episode, agent, prompt and repetition, not by order", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { gateway, engine } = test;
  async function seeds(
    seed: number,
    models: readonly string[],
  ): Promise<Record<string, number>> {
    const session = gateway.openEpisode({ seed });
    const found: Record<string, number> = {};
    for (const model of models) {
      const { id } = await chat(session, { model });
      found[`${model} ${model in found ? "again" : ""}`.trim()] =
        engine.requests.at(-1)!.sampling.seed;
      assertMatch(id, "chatcmpl-");
    }
    return found;
  }
  const one = await seeds(1, ["policy:a", "policy:b", "policy:a"]);
  assertEquals(await seeds(1, ["policy:b", "policy:a", "policy:a"]), one);
  assertEquals(new Set(Object.values(one)).size, 3);
  const two = await seeds(2, ["policy:a"]);
  assertTrue(two["policy:a"] !== one["policy:a"]);
});

Deno.test("Gateway marks calls whose ids and logprobs disagree as untrainable", async () => {
  await using test = await startGateway({ text: "Hi", logprobs: [-1, -1] });
  await chat(test.session);
  assertEquals(
    test.session.tree.calls[0]!.untrainable,
    "the engine returned 3 tokens with 2 logprobs",
  );
});

Deno.test("Gateway turns failures into statuses, and passes bugs on", async () => {
  const bugs: unknown[] = [];
  const failures = [new EngineError("shut down"), new TypeError("a bug")];
  await using test = await startGateway(
    (_, index) => ({ error: failures[index]! }),
    {
      onError: (error) => bugs.push(error),
    },
  );
  const engine = await refused(await postChat(test.session));
  assertEquals([engine.status, engine.type], [503, "server_error"]);
  const bug = await refused(await postChat(test.session));
  assertEquals([bug.status, bug.type], [500, "server_error"]);
  assertEquals(bugs, [failures[1]]);
  assertEquals(test.session.calls, 0);
});

Deno.test("Gateway answers 503 where the engine ends a generation by itself", async () => {
  await using test = await startGateway({ text: "Hi", finishReason: "abort" });
  const error = await refused(await postChat(test.session));
  assertEquals(error.status, 503);
  assertEquals(
    test.session.tree.calls[0]!.untrainable,
    "the generation was cut off: the engine ended it early",
  );
});

Deno.test("Gateway records the replies that one failing reply cancels", async () => {
  const never = Promise.withResolvers<void>();
  await using test = await startGateway((_, index) =>
    index === 1
      ? { error: new EngineError("out of memory") }
      : { after: never.promise }
  );
  const error = await refused(await postChat(test.session, { n: 3 }));
  assertMatch(error.message, "out of memory");
  const reasons = test.session.tree.calls.map(({ untrainable }) => untrainable);
  assertEquals(
    reasons,
    Array(2).fill(
      "the generation was cut off: another reply to the same request failed",
    ),
  );
});

Deno.test("Gateway asks clients to come back when it is full", async () => {
  const gate = Promise.withResolvers<void>();
  await using test = await startGateway({ text: "Hi", after: gate.promise }, {
    maxInFlight: 1,
  });
  const first = chat(test.session);
  while (test.engine.requests.length === 0) {
    await new Promise((go) => setTimeout(go, 1));
  }
  const response = await postChat(test.session);
  assertEquals(response.headers.get("retry-after"), "1");
  const error = await refused(response);
  assertEquals([error.status, error.type], [429, "rate_limit_error"]);
  gate.resolve();
  await first;
  await chat(test.session);
});

Deno.test("Gateway lists its model and tells how the engine is", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { gateway, session, engine } = test;
  const headers = { Authorization: `Bearer ${session.apiKey}` };
  const models = await (await fetch(`${session.baseUrl}/models`, { headers }))
    .json();
  assertEquals(models.data.map(({ id }: Json) => id), ["policy"]);
  assertEquals(
    (await refused(await fetch(`${gateway.url}/v1/models`))).status,
    401,
  );
  const healthy = await fetch(`${gateway.url}/health`);
  assertEquals([healthy.status, await healthy.json()], [200, {
    status: "ok",
    running: 2,
    waiting: 1,
  }]);
  engine.ok = false;
  const ill = await fetch(`${gateway.url}/health`);
  assertEquals([ill.status, (await ill.json()).status], [503, "unavailable"]);
});

Deno.test("Gateway answers everybody and records nothing where it is open", async () => {
  await using test = await startGateway({ text: "Hi" }, {
    open: true,
    modelName: "tiny",
    sampling: { temperature: 0.3 },
  });
  const { gateway, engine } = test;
  for (const apiKey of ["", "anything", "sk-00-00"]) {
    const session = { baseUrl: `${gateway.url}/v1`, apiKey };
    const answer = await chat(session, { model: "tiny", messages: [USER] });
    assertEquals(answer.choices[0].message.content, "Hi");
  }
  assertEquals(engine.requests[0]!.sampling.temperature, 0.3);
  assertEquals(
    new Set(engine.requests.map(({ sampling }) => sampling.seed)).size,
    3,
  );
});

Deno.test("Gateway.start() refuses an address in use and a model without chat template", async () => {
  await using test = await startGateway({ text: "Hi" });
  const { engine, model } = test;
  const port = Number(new URL(test.gateway.url).port);
  await assertRejects(
    () => Gateway.start({ engine, model, port }),
    UserError,
    `127.0.0.1:${port}`,
  );
  const mute = { ...model, template: undefined };
  await assertRejects(
    () => Gateway.start({ engine, model: mute }),
    ModelError,
    "no chat template",
  );
});

Deno.test("Gateway refuses tools for a model that has no known format for them", async () => {
  const model = { ...testModel(), toolFormat: undefined };
  await using test = await startGateway({ text: "Hi" }, { model });
  const error = await refused(
    await postChat(test.session, { tools: [CALCULATOR] }),
  );
  assertEquals([error.status, error.param], [400, "tools"]);
});

Deno.test("Gateway ends its episodes when it is disposed of", async () => {
  const never = Promise.withResolvers<void>();
  const engine = new ScriptedEngine(() => ({ after: never.promise }));
  const gateway = await Gateway.start({ engine, model: testModel() });
  const session = gateway.openEpisode({ seed: 1 });
  const pending = postChat(session);
  while (engine.requests.length === 0) {
    await new Promise((go) => setTimeout(go, 1));
  }
  await gateway[Symbol.asyncDispose]();
  assertMatch(
    (await refused(await pending)).message,
    "the gateway has stopped",
  );
  assertEquals(session.tree.calls.length, 1);
});

Deno.test("Gateway hands on requests that it does not know, and gives out its public address", async () => {
  await using test = await startGateway({ text: "Hi" }, {
    publicUrl: "http://gpu-host:8000/",
    fallback: (request) =>
      Promise.resolve(
        request.url.endsWith("/v1/extra") ? new Response("more") : undefined,
      ),
  });
  const { url } = test.gateway;
  assertEquals(
    test.session.baseUrl,
    `http://gpu-host:8000/e/${test.session.id}/v1`,
  );
  const known = await fetch(`${url}/v1/extra`);
  assertEquals(await known.text(), "more");
  const unknown = await fetch(`${url}/v1/other`);
  assertEquals(unknown.status, 404);
  await unknown.body?.cancel();
});

Deno.test("Gateway has agents with an adapter of their own sampled from it, and records which", async () => {
  await using test = await startGateway({ text: "Hi" }, {
    adapted: ["solver", "critic"],
  });
  for (const model of ["policy:solver", "policy", "policy:helper"]) {
    await chat(test.session, { model });
  }
  await postChat(test.session, {}, {
    headers: { "x-astuner-agent": "critic" },
  }).then((response) => response.body?.cancel());
  assertEquals(
    test.engine.requests.map(({ adapter }) => adapter),
    ["solver", undefined, undefined, "critic"],
  );
  assertEquals(
    test.session.tree.calls.map(({ agent, adapter }) => [agent, adapter]),
    [
      ["solver", "solver"],
      ["default", undefined],
      ["helper", undefined],
      ["critic", "critic"],
    ],
  );
});
