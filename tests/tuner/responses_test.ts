import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { APIError, OpenAI } from "./_openai.ts";
import { CALCULATOR, startGateway, type TestGateway } from "./_requests.ts";

const CALL = (n: number) =>
  `<tool_call>\n{"name":"calculator",  "arguments": {"expression": "${n}"}}\n</tool_call>`;

const TOOL: OpenAI.Responses.FunctionTool = {
  type: "function",
  name: "calculator",
  parameters: CALCULATOR.function.parameters,
  strict: false,
};

function clientOf({ session }: TestGateway): OpenAI {
  return new OpenAI({
    baseURL: session.baseUrl,
    apiKey: session.apiKey,
    maxRetries: 0,
  });
}

/** Answers every call of a response's output with 42. */
function results(
  output: readonly OpenAI.Responses.ResponseOutputItem[],
): OpenAI.Responses.ResponseInput {
  return output.flatMap((item) =>
    item.type === "function_call"
      ? [{
        type: "function_call_output",
        call_id: item.call_id,
        output: "42",
      }]
      : []
  );
}

function timelines({ session }: TestGateway): readonly [number, number] {
  return [session.calls, session.tree.timelines().length];
}

Deno.test("/v1/responses runs a loop of parallel tool calls that stays one token path", async () => {
  await using test = await startGateway((_, index) => ({
    text: index < 3
      ? `Let me see.\n${CALL(index)}\n${CALL(index + 1)}`
      : "It is 42",
  }));
  const client = clientOf(test);
  const input: OpenAI.Responses.ResponseInput = [
    { role: "user", content: [{ type: "input_text", text: "6*7?" }] },
  ];
  for (;;) {
    const response = await client.responses.create({
      model: "policy:solver",
      instructions: "Use the tool",
      input,
      tools: [TOOL],
    });
    input.push(...response.output as OpenAI.Responses.ResponseInputItem[]);
    const answers = results(response.output);
    input.push(...answers);
    if (answers.length === 0) {
      assertEquals(response.output_text, "It is 42");
      break;
    }
    assertEquals(response.output.map(({ type }) => type), [
      "message",
      "function_call",
      "function_call",
    ]);
  }
  assertEquals(timelines(test), [4, 1]);
  assertEquals(test.session.tree.calls[0]!.agent, "solver");
});

Deno.test("/v1/responses streams what it would have answered", async () => {
  await using test = await startGateway({ text: `Sure.\n${CALL(1)}` });
  const client = clientOf(test);
  const ask = { model: "policy", input: "6*7?", tools: [TOOL] };
  const whole = await client.responses.create(ask);
  const stream = client.responses.stream(ask);
  const types: string[] = [];
  let text = "";
  for await (const event of stream) {
    assertEquals(event.sequence_number, types.length);
    types.push(event.type);
    if (event.type === "response.output_text.delta") text += event.delta;
  }
  const final = await stream.finalResponse();
  assertEquals(text, "Sure.");
  const shown = (response: OpenAI.Responses.Response) =>
    response.output.map((item) =>
      item.type === "function_call" ? [item.name, item.arguments] : item.type
    );
  assertEquals(shown(final), shown(whole));
  assertEquals(final.usage, whole.usage);
  assertEquals(types.slice(0, 4), [
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
  ]);
  assertEquals(types.at(-1), "response.completed");
});

Deno.test("/v1/responses goes on from an earlier response, and names one that it does not know", async () => {
  await using test = await startGateway({ text: CALL(1) });
  const client = clientOf(test);
  const ask = { model: "policy", tools: [TOOL] };
  let response = await client.responses.create({ ...ask, input: "6*7?" });
  for (let turn = 0; turn < 3; turn++) {
    response = await client.responses.create({
      ...ask,
      input: results(response.output),
      previous_response_id: response.id,
    });
  }
  assertEquals(timelines(test), [4, 1]);
  const error = await assertRejects(
    () =>
      client.responses.create({
        ...ask,
        input: "Hi",
        previous_response_id: "resp_x",
      }),
    APIError,
  );
  assertEquals([error.status, error.param], [404, "previous_response_id"]);
});

Deno.test("/v1/responses takes references for the items that it gave", async () => {
  await using test = await startGateway((_, index) => ({
    text: index === 0 ? `Look:\n${CALL(1)}` : "42",
  }));
  const client = clientOf(test);
  const ask = { model: "policy", tools: [TOOL] };
  const first = await client.responses.create({ ...ask, input: "6*7?" });
  const references = first.output.map(({ id }) => ({
    type: "item_reference" as const,
    id: id!,
  }));
  assertEquals(references.length, 2);
  const call = first.output[1] as { readonly call_id: string };
  const input: OpenAI.Responses.ResponseInput = [
    { role: "user", content: "6*7?" },
    ...references,
    {
      type: "function_call_output",
      call_id: call.call_id,
      output: "42",
    },
  ];
  await client.responses.create({ ...ask, input });
  assertEquals(timelines(test), [2, 1]);
  const error = await assertRejects(
    () =>
      client.responses.create({
        ...ask,
        input: [{ type: "item_reference", id: "msg_x" }],
      }),
    APIError,
  );
  assertEquals([error.status, error.param], [404, "input[0].id"]);
});

Deno.test("/v1/responses says what was cut, and refuses what it cannot do", async () => {
  await using test = await startGateway({ text: "Hello you" });
  const client = clientOf(test);
  const ask = { model: "policy", input: "Hi" };
  const cut = await client.responses.create({ ...ask, max_output_tokens: 4 });
  assertEquals([cut.status, cut.incomplete_details, cut.output_text], [
    "incomplete",
    { reason: "max_output_tokens" },
    "Hell",
  ]);
  assertEquals(cut.usage!.output_tokens, 4);
  const refused = [
    [{ tools: [{ type: "web_search" }] }, "tools\\[0\\].type"],
    [{ text: { format: { type: "json_object" } } }, "text.format"],
    [{ top_logprobs: 2 }, "top_logprobs"],
    [{ background: true }, "background"],
    [{ input: [{ type: "image_generation_call" }] }, "input\\[0\\]"],
    [
      { input: [{ role: "user", content: [{ type: "input_image" }] }] },
      "input_image",
    ],
  ] as const;
  for (const [fields, words] of refused) {
    const error = await assertRejects(
      () => client.responses.create({ ...ask, ...fields } as typeof ask),
      APIError,
    );
    assertEquals(error.status, 400);
    assertMatch(error.message, new RegExp(words));
  }
});

Deno.test("/v1/responses ends a stream that breaks off with an error that clients throw", async () => {
  await using test = await startGateway({ text: "Hello you", chunk: 1 });
  const stream = await clientOf(test).responses.create({
    model: "policy",
    input: "Hi",
    stream: true,
  });
  const error = await assertRejects(async () => {
    for await (const event of stream) {
      if (event.type !== "response.output_text.delta") continue;
      void test.session.abort("the test is over");
    }
  }, APIError);
  assertMatch(error.message, "the test is over");
});
