import {
  ChatEndpoint,
  type EpisodeSession,
  Gateway,
} from "../../src/tuner/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { Anthropic } from "./_anthropic.ts";
import { TestEndpoint } from "./_endpoint.ts";
import { CALCULATOR, startGateway } from "./_requests.ts";

const CALL = (n: number) =>
  `<tool_call>\n{"name":"calculator",  "arguments": {"n": ${n}.0, "a": [1]}}\n</tool_call>`;

const TOOL: Anthropic.Tool = {
  name: "calculator",
  description: "Evaluates an expression",
  input_schema: CALCULATOR.function.parameters as Anthropic.Tool.InputSchema,
};

const ASK = {
  model: "policy",
  max_tokens: 1000,
  messages: [{ role: "user" as const, content: "6*7?" }],
};

function clientOf({ session }: {
  readonly session: Pick<EpisodeSession, "baseUrl" | "apiKey">;
}): Anthropic {
  return new Anthropic({
    baseURL: session.baseUrl,
    apiKey: session.apiKey,
    maxRetries: 0,
  });
}

Deno.test("/v1/messages runs a loop of parallel tool calls that stays one token path", async () => {
  await using test = await startGateway((_, index) => ({
    text: index < 3 ? `Let me see.\n${CALL(1)}\n${CALL(2)}` : "It is 42",
  }));
  const client = clientOf(test);
  const messages: Anthropic.MessageParam[] = [...ASK.messages];
  for (let turn = 0;; turn++) {
    const ask = {
      ...ASK,
      system: [{ type: "text" as const, text: "Use the tool" }],
      tools: [TOOL],
      messages,
    };
    // Every other turn is streamed.
    const reply = turn % 2
      ? await client.messages.stream(ask).finalMessage()
      : await client.messages.create(ask);
    messages.push({ role: "assistant", content: reply.content });
    const calls = reply.content.filter(({ type }) => type === "tool_use");
    if (calls.length === 0) {
      assertEquals(reply.content, [{
        type: "text",
        text: "It is 42",
        citations: null,
      }]);
      assertEquals(reply.stop_reason, "end_turn");
      break;
    }
    assertEquals([reply.stop_reason, calls.length], ["tool_use", 2]);
    messages.push({
      role: "user",
      content: calls.map((call) => ({
        type: "tool_result",
        tool_use_id: (call as Anthropic.ToolUseBlock).id,
        content: [{ type: "text", text: "42" }],
      })),
    });
  }
  const { session } = test;
  assertEquals([session.calls, session.tree.timelines().length], [4, 1]);
});

Deno.test("/v1/messages streams what it would have answered", async () => {
  await using test = await startGateway({ text: `Sure.\n${CALL(1)}` });
  const client = clientOf(test);
  const ask = { ...ASK, tools: [TOOL] };
  const whole = await client.messages.create(ask);
  const streamed = await client.messages.stream(ask).finalMessage();
  const shown = ({ content }: Anthropic.Message) =>
    content.map((block) =>
      block.type === "tool_use" ? [block.name, block.input] : block
    );
  assertEquals(shown(streamed), shown(whole));
  assertEquals(streamed.usage.output_tokens, whole.usage.output_tokens);
  assertEquals(streamed.usage.input_tokens, whole.usage.input_tokens);
});

Deno.test("/v1/messages tells why a message ended", async () => {
  await using test = await startGateway({ text: "One, two, three" });
  const client = clientOf(test);
  const stopped = await client.messages.create({
    ...ASK,
    stop_sequences: ["none", ", th"],
  });
  assertEquals([stopped.stop_reason, stopped.stop_sequence], [
    "stop_sequence",
    ", th",
  ]);
  assertEquals(stopped.content, [{
    type: "text",
    text: "One, two",
    citations: null,
  }]);
  const cut = await client.messages.create({ ...ASK, max_tokens: 3 });
  assertEquals(cut.stop_reason, "max_tokens");
});

Deno.test("/v1/messages answers errors as Anthropic does", async () => {
  await using test = await startGateway({ text: "Hi" });
  const client = clientOf(test);
  const image = {
    type: "image" as const,
    source: { type: "url" as const, url: "http://localhost/" },
  };
  const bad = await assertRejects(
    () =>
      client.messages.create({
        ...ASK,
        messages: [{ role: "user", content: [image] }],
      }),
    Anthropic.BadRequestError,
  );
  assertMatch(bad.message, "invalid_request_error");
  assertMatch(bad.message, "messages.0.content.0 is of type");
  for (const field of ["output_config.format", "mcp_servers", "container"]) {
    const [name, part] = field.split(".") as [string, string?];
    const value = part ? { [part]: { type: "json_schema" } } : [{}];
    const refused = await assertRejects(
      () => client.messages.create({ ...ASK, [name]: value }),
      Anthropic.BadRequestError,
    );
    assertMatch(refused.message, `${field}: is not supported`);
  }
  await test.session.close();
  await assertRejects(
    () => client.messages.create(ASK),
    Anthropic.AuthenticationError,
  );
});

Deno.test("/v1/messages/count_tokens counts what the message's prompt will have", async () => {
  await using test = await startGateway((_, index) => ({
    text: index === 0 ? `Let me see.\n${CALL(1)}` : "It is 42",
  }));
  const client = clientOf(test);
  const { model, messages: opening } = ASK;
  const ask = { model, system: "Use the tool", tools: [TOOL] };
  const tool_choice = { type: "any" as const };
  const messages: Anthropic.MessageParam[] = [...opening];
  for (const choice of [{ tool_choice }, {}]) {
    const asked = { ...ask, ...choice, messages };
    const counted = await client.messages.countTokens(asked);
    const reply = await client.messages.create({ ...asked, max_tokens: 1000 });
    // The second time, as it was sampled rather than as the template has it.
    assertEquals(counted, { input_tokens: reply.usage.input_tokens });
    messages.push({ role: "assistant", content: reply.content });
    const call = reply.content.find(({ type }) => type === "tool_use");
    messages.push({
      role: "user",
      content: call
        ? [{
          type: "tool_result",
          tool_use_id: (call as Anthropic.ToolUseBlock).id,
          content: "42",
        }]
        : "And 7*8?",
    });
  }
  const { session } = test;
  assertEquals([session.calls, session.requests.length], [2, 2]);
});

Deno.test("/v1/messages/count_tokens refuses what /v1/messages does, and where no tokens are known", async () => {
  await using test = await startGateway({ text: "Hi" });
  const client = clientOf(test);
  const { model, messages } = ASK;
  await assertRejects(
    () => client.messages.countTokens({ model: "nobody", messages }),
    Anthropic.NotFoundError,
    "not_found_error",
  );
  await assertRejects(
    () => client.messages.countTokens({ model, messages: [] }),
    Anthropic.BadRequestError,
    "messages",
  );
  await test.session.close();
  await assertRejects(
    () => client.messages.countTokens({ model, messages }),
    Anthropic.AuthenticationError,
  );
  await using server = new TestEndpoint(() => ({ texts: ["Hi"] }));
  const { url } = server;
  const endpoint = new ChatEndpoint({ url, model: "there", apiKey: "sk-test" });
  await using gateway = await Gateway.start({ endpoint });
  const session = gateway.openEpisode({ seed: 1 });
  await assertRejects(
    () => clientOf({ session }).messages.countTokens({ model, messages }),
    Anthropic.NotFoundError,
    "only with its replies",
  );
});

Deno.test("/v1/messages/count_tokens counts at an open server too", async () => {
  await using test = await startGateway({ text: "Hi" }, {
    open: true,
    modelName: "tiny",
  });
  const { gateway } = test;
  const session = { baseUrl: gateway.url, apiKey: "any" };
  const client = clientOf({ session });
  const ask = { ...ASK, model: "tiny" };
  const { max_tokens: _, ...counted } = ask;
  const { input_tokens } = await client.messages.countTokens(counted);
  const { usage } = await client.messages.create(ask);
  assertEquals(input_tokens, usage.input_tokens);
});
