import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { APIError, OpenAI } from "./_openai.ts";
import { type Json, startGateway, type TestGateway } from "./_requests.ts";

const CALL =
  '<tool_call>\n{"name":"calculator",  "arguments": {"expression": "6*7 ✓"}}\n</tool_call>';

const TOOL: OpenAI.ChatCompletionFunctionTool = {
  type: "function",
  function: {
    name: "calculator",
    parameters: {
      type: "object",
      properties: { expression: { type: "string" } },
    },
  },
};

function clientOf({ session }: TestGateway): OpenAI {
  return new OpenAI({
    baseURL: session.baseUrl,
    apiKey: session.apiKey,
    maxRetries: 0,
  });
}

Deno.test("openai's client runs a tool loop that stays one token path", async () => {
  await using test = await startGateway((_, index) => ({
    text: index < 3 ? CALL : "It is 42",
  }));
  const client = clientOf(test);
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "developer", content: "Use the tool" },
    { role: "user", content: [{ type: "text", text: "6*7?" }] },
  ];
  for (;;) {
    const { choices: [choice] } = await client.chat.completions.create({
      model: "policy",
      messages,
      tools: [TOOL],
    });
    messages.push(choice!.message);
    if (choice!.finish_reason !== "tool_calls") break;
    for (const call of choice!.message.tool_calls ?? []) {
      if (call.type !== "function") continue;
      assertEquals(JSON.parse(call.function.arguments), {
        expression: "6*7 ✓",
      });
      messages.push({ role: "tool", tool_call_id: call.id, content: "42" });
    }
  }
  assertEquals(messages.at(-1)!.content, "It is 42");
  assertEquals([test.session.calls, test.session.tree.timelines().length], [
    4,
    1,
  ]);
});

Deno.test("openai's client streams text and tool calls, and its totals agree", async () => {
  await using test = await startGateway({ text: `Sure.\n${CALL}` });
  const stream = clientOf(test).chat.completions.stream({
    model: "policy:solver",
    messages: [{ role: "user", content: "6*7?" }],
    tools: [TOOL],
    stream_options: { include_usage: true },
  });
  const { choices: [choice], usage } = await stream.finalChatCompletion();
  assertEquals([choice!.message.content, choice!.finish_reason], [
    "Sure.",
    "tool_calls",
  ]);
  const [call] = choice!.message.tool_calls!;
  assertEquals((call as Json).function.arguments, '{"expression":"6*7 ✓"}');
  const [recorded] = test.session.tree.calls;
  assertEquals(usage!.completion_tokens, recorded!.sampledLength);
  assertEquals(usage!.prompt_tokens, recorded!.promptLength);
  assertEquals(recorded!.agent, "solver");
});

Deno.test("openai's client understands the gateway's errors", async () => {
  await using test = await startGateway({ text: "Hi" });
  const ask = {
    model: "policy",
    messages: [{ role: "user" as const, content: "Hi" }],
  };
  const client = clientOf(test);
  const bad = await assertRejects(
    () =>
      client.chat.completions.create({
        ...ask,
        response_format: { type: "json_object" },
      }),
    APIError,
  );
  assertEquals([bad.status, bad.param], [400, "response_format"]);
  const models = await client.models.list();
  assertEquals(models.data.map(({ id }) => id), ["policy"]);
  await test.session.close();
  const dead = await assertRejects(
    () => client.chat.completions.create(ask),
    APIError,
  );
  assertEquals([dead.status, dead.code], [401, "invalid_api_key"]);
  assertMatch(dead.message, "its episode has ended");
});
