import { EngineError } from "../../src/errors.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import {
  CALCULATOR,
  type Json,
  postChat,
  startGateway,
  streamChat,
} from "./_requests.ts";
import { spelled } from "./_test_model.ts";

function contents(chunks: readonly Json[]): string[] {
  return chunks.flatMap(({ choices }) =>
    choices.flatMap(({ delta }: Json) => delta.content ? [delta.content] : [])
  );
}

Deno.test("Gateway streams a reply in OpenAI's chunks", async () => {
  await using test = await startGateway({ text: "Hello you" });
  const chunks = await streamChat(test.session, {
    stream_options: { include_usage: true },
  });
  assertEquals(contents(chunks), ["Hel", "lo ", "you"]);
  assertEquals(chunks[0].choices, [{
    index: 0,
    delta: { role: "assistant", content: "" },
    logprobs: null,
    finish_reason: null,
  }]);
  assertEquals(chunks[0].usage, null);
  assertEquals(chunks.at(-2).choices[0].finish_reason, "stop");
  const prompt = test.engine.requests[0]!.tokens.length;
  assertEquals(chunks.at(-1).choices, []);
  assertEquals(chunks.at(-1).usage, {
    prompt_tokens: prompt,
    completion_tokens: 10,
    total_tokens: prompt + 10,
  });
  assertEquals(new Set(chunks.map(({ id }) => id)).size, 1);
  assertEquals(chunks[0].object, "chat.completion.chunk");
});

Deno.test("Gateway streams characters whole, however tokens split them", async () => {
  const text = "é ✓ 👩‍👩‍👧 日本";
  await using test = await startGateway({ text, chunk: 1 });
  const pieces = contents(await streamChat(test.session));
  assertEquals(pieces.join(""), text);
  assertTrue(
    pieces.every((piece) => piece.isWellFormed() && !piece.includes("\uFFFD")),
  );
});

Deno.test("Gateway ends a reply that breaks off inside a character", async () => {
  const tokens = spelled("a✓").slice(0, 2);
  await using test = await startGateway({ tokens, eos: null, chunk: 1 });
  const chunks = await streamChat(test.session);
  assertEquals(contents(chunks).join(""), "a\uFFFD");
  assertEquals(chunks.at(-1).choices[0].finish_reason, "length");
  assertEquals(test.session.tree.calls[0]!.sampledLength, 2);
});

Deno.test("Gateway streams tool calls whole, beside the words before them", async () => {
  const call = (n: number) =>
    `<tool_call>\n{"name": "calculator", "arguments": {"n":  ${n}}}\n</tool_call>`;
  await using test = await startGateway({
    text: `Let me.\n${call(1)}\n${call(2)}`,
    chunk: 2,
  });
  const chunks = await streamChat(test.session, { tools: [CALCULATOR] });
  assertEquals(contents(chunks).join(""), "Let me.");
  const calls = chunks.flatMap(({ choices }) =>
    choices[0].delta.tool_calls ?? []
  );
  assertEquals(calls.map(({ index, type }: Json) => [index, type]), [[
    0,
    "function",
  ], [1, "function"]]);
  assertEquals(calls.map((call: Json) => call.function), [
    { name: "calculator", arguments: '{"n":1}' },
    { name: "calculator", arguments: '{"n":2}' },
  ]);
  assertEquals(chunks.at(-1).choices[0].finish_reason, "tool_calls");
});

Deno.test("Gateway streams nothing of a stop text, and samples no further", async () => {
  for (const streams of [true, false]) {
    await using test = await startGateway({
      text: "One<Two>END and more",
      chunk: 2,
      streams,
    });
    const chunks = await streamChat(test.session, {
      stop: [">E", "zzz", "and"],
    });
    assertEquals(contents(chunks).join(""), "One<Two");
    assertEquals(chunks.at(-1).choices[0].finish_reason, "stop");
    const [call] = test.session.tree.calls;
    assertEquals([call!.sampledLength, call!.finishReason], [
      "One<Two>E".length,
      "stop",
    ]);
    assertEquals(call!.untrainable, undefined);
    assertEquals(test.engine.requests[0]!.signal!.aborted, streams);
  }
});

Deno.test("Gateway streams the logprob of every token it sampled", async () => {
  await using test = await startGateway({ text: "é<tool_call>{", chunk: 1 });
  for (const tools of [[], [CALCULATOR]]) {
    const chunks = await streamChat(test.session, { logprobs: true, tools });
    const logprobs = chunks.flatMap(({ choices }) =>
      choices[0].logprobs?.content ?? []
    );
    const count = spelled("é<tool_call>{").length + 1;
    assertEquals(
      logprobs.map(({ logprob }: Json) => logprob),
      Array.from({ length: count }, (_, at) => -(at + 1) / 8),
    );
    assertEquals(logprobs.at(-1).token, "<|im_end|>");
  }
});

Deno.test("Gateway streams several replies side by side", async () => {
  await using test = await startGateway((_, index) => ({
    text: ["ab", "", "cdef"][index]!,
  }));
  const chunks = await streamChat(test.session, { n: 3 });
  const texts = [0, 1, 2].map((index) =>
    contents(chunks.filter(({ choices }) => choices[0].index === index)).join(
      "",
    )
  );
  assertEquals(texts, ["ab", "", "cdef"]);
  const roles = chunks.filter(({ choices }) => choices[0].delta.role).length;
  const ends = chunks.filter(({ choices }) => choices[0].finish_reason).length;
  assertEquals([roles, ends], [3, 3]);
});

Deno.test("Gateway gives a stream that fails at once a status, and a later failure an event", async () => {
  await using early = await startGateway({
    error: new EngineError("shut down"),
  });
  const refused = await postChat(early.session, { stream: true });
  assertEquals([refused.status, (await refused.json()).error.type], [
    503,
    "server_error",
  ]);

  await using late = await startGateway({
    text: "Hello",
    finishReason: "abort",
  });
  const broken = await postChat(late.session, { stream: true });
  assertEquals(broken.status, 200);
  const events = (await broken.text()).trim().split("\n\n");
  assertMatch(
    events.at(-2)!,
    'data: {"error":{"message":"The generation was cut off',
  );
  assertEquals(events.at(-1), "data: [DONE]");
});
