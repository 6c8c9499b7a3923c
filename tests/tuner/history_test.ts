import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import {
  CALCULATOR,
  chat,
  type Json,
  startGateway,
  type TestGateway,
  USER,
} from "./_requests.ts";
import type { Script } from "./_scripted_engine.ts";
import THINKING from "../golden/model/thinking.jinja" with { type: "text" };
import { CHATML, spelled, testModel, tokenId } from "./_test_model.ts";

const IM_END = tokenId("<|im_end|>");

/** Samples the scripts' replies in turn. */
function inTurn(...scripts: readonly Script[]) {
  return (_: unknown, index: number): Script => scripts[index]!;
}

function toolCall(json: string): Script {
  return { text: `<tool_call>\n${json}\n</tool_call>` };
}

function toolResult(message: Json, content: string): Json {
  const tool_call_id = message.tool_calls[0].id;
  return { role: "tool", tool_call_id, content };
}

/** Prompt and sample of request number `index`, to the token. */
function path({ engine, session }: TestGateway, index: number): number[] {
  const call = session.tree.calls[index]!;
  return Array.from(
    session.tree.path(call.leaf),
    (node) => session.tree.tokens[node]!,
  ).slice(0, engine.requests[index]!.tokens.length + call.sampledLength);
}

/** Fails unless request number `index` goes on exactly where call number `from` ended. */
function assertExtends(
  test: TestGateway,
  index: number,
  from = index - 1,
): void {
  const before = path(test, from);
  const prompt = test.engine.requests[index]!.tokens;
  assertEquals(prompt.slice(0, before.length), before, `call ${index}`);
  const { branch } = test.session.tree.calls[index]!;
  assertEquals(branch?.detail, undefined);
}

/** Conversation that goes on after `message`. */
function after(message: Json): Json[] {
  return [USER, message, USER];
}

Deno.test("Gateway keeps a 20-turn tool conversation one token path, whatever the spacing", async () => {
  const odd = [
    '{"name": "calculator", "arguments": {"expression":   "1 + 1"}}',
    '{"arguments":{"expression":"2 × 3 = 6 ✓"},"name":"calculator"}',
    '{ "name":"calculator" ,"arguments": {"expression" :"\\u00e9\\n\\"q\\"","n":1.0}}',
    '{"name": "calculator", "arguments": {"日本": ["😀", 1e3, null],\n "z": {"b": 1, "a": 2}}}',
    'Some words 👩‍👩‍👧 first.\n\n<tool_call>{"name": "calculator", "arguments": {}}',
  ];
  const scripts = Array.from({ length: 20 }, (_, turn): Script => {
    const json = odd[turn % odd.length]!;
    return json.startsWith("{")
      ? toolCall(json)
      : { text: `${json}\n</tool_call>\n` };
  });
  await using test = await startGateway(inTurn(...scripts));
  const messages: Json[] = [{ role: "system", content: "Bé 🧮" }, USER];
  for (let turn = 0; turn < 20; turn++) {
    const answer = await chat(test.session, { messages, tools: [CALCULATOR] });
    const { message, finish_reason } = answer.choices[0];
    assertEquals(finish_reason, "tool_calls");
    // As frameworks do: parse the arguments and write them anew, and send null for no content.
    const tool_calls = message.tool_calls.map((call: Json) => ({
      ...call,
      function: {
        ...call.function,
        arguments: JSON.stringify(JSON.parse(call.function.arguments)),
      },
    }));
    messages.push({ ...message, content: message.content || null, tool_calls });
    messages.push(toolResult(message, `« ${turn} »\n{"x":  1}`));
    if (turn > 0) assertExtends(test, turn);
  }
  assertEquals(test.session.tree.timelines().length, 1);
  const { length } = test.engine.requests.at(-1)!.tokens;
  assertEquals(
    test.session.tree.size,
    length + spelled(scripts.at(-1)!.text!).length + 1,
  );
});

Deno.test("Gateway renders a conversation as the chat template does, but for the sampled ids", async () => {
  await using test = await startGateway(
    inTurn({ text: "One." }, { text: "Two." }),
  );
  const { choices: [{ message }] } = await chat(test.session);
  await chat(test.session, { messages: after(message) });
  const { tokenizer, template } = test.model;
  const rendered = template!.render([USER, message, USER], {
    addGenerationPrompt: true,
  });
  assertEquals(tokenizer.decode(test.engine.requests[1]!.tokens), rendered);
});

Deno.test("Gateway leaves the end of a turn to the prompt where the sample has none", async () => {
  await using test = await startGateway(
    inTurn({ text: "Too long to", eos: null }, { text: "Two." }),
  );
  const { choices: [{ message, finish_reason }] } = await chat(test.session);
  assertEquals(finish_reason, "length");
  await chat(test.session, { messages: after(message) });
  assertExtends(test, 1);
  const [first, second] = test.engine.requests;
  const end = first!.tokens.length + spelled("Too long to").length;
  assertEquals(second!.tokens[end], IM_END);
  const trained = test.session.tree.timelines()[0]!.trained;
  assertEquals(trained[end], 0, "the end of the turn was not sampled");
});

Deno.test("Gateway puts the template's end of turn in place of another sampled one", async () => {
  const eos = tokenId("<|endoftext|>");
  await using test = await startGateway(
    inTurn({ text: "Bye", eos }, { text: "" }),
  );
  const { choices: [{ message }] } = await chat(test.session);
  await chat(test.session, { messages: after(message) });
  const [first, second] = test.engine.requests;
  const end = first!.tokens.length + 3;
  assertEquals(second!.tokens.slice(end - 3, end + 1), [
    ...spelled("Bye"),
    IM_END,
  ]);
  const { branch } = test.session.tree.calls[1]!;
  assertEquals(
    branch?.detail,
    "message 1 was ended by <|endoftext|>, which the chat template does not write",
  );
});

Deno.test("Gateway tells empty messages with different tool calls apart", async () => {
  const call = (expression: string) =>
    toolCall(
      `{"name":  "calculator", "arguments": {"expression": "${expression}"}}`,
    );
  await using test = await startGateway(
    inTurn(call("1+1"), call("2+2"), { text: "a" }, { text: "b" }),
  );
  const ask = async () =>
    (await chat(test.session, { tools: [CALCULATOR] })).choices[0].message;
  const [one, two] = [await ask(), await ask()];
  assertTrue(one.tool_calls[0].id !== two.tool_calls[0].id);
  for (const message of [two, one]) {
    const messages = [USER, message, toolResult(message, "?")];
    await chat(test.session, { tools: [CALCULATOR], messages });
  }
  const starts = [1, 0].map((index) => path(test, index));
  assertEquals(
    test.engine.requests[2]!.tokens.slice(0, starts[0]!.length),
    starts[0],
  );
  assertEquals(
    test.engine.requests[3]!.tokens.slice(0, starts[1]!.length),
    starts[1],
  );
});

Deno.test("Gateway finds a tool call again when the framework has given it another id", async () => {
  await using test = await startGateway(
    inTurn(toolCall('{"name":"calculator","arguments":{"b":1,  "a":2}}'), {
      text: "x",
    }),
  );
  const { choices: [{ message }] } = await chat(test.session, {
    tools: [CALCULATOR],
  });
  const own = {
    id: "mine",
    type: "function",
    function: { name: "calculator", arguments: '{"a":2,"b":1}' },
  };
  await chat(test.session, {
    tools: [CALCULATOR],
    messages: [USER, { ...message, tool_calls: [own] }, {
      role: "tool",
      tool_call_id: "mine",
      content: "3",
    }],
  });
  assertExtends(test, 1);
});

Deno.test("Gateway sees that a tool call's arguments were changed under its id", async () => {
  await using test = await startGateway(
    inTurn(toolCall('{"name":"calculator","arguments":{"n":1}}'), {
      text: "x",
    }),
  );
  const ask = { tools: [CALCULATOR] };
  const { choices: [{ message }] } = await chat(test.session, ask);
  message.tool_calls[0].function.arguments = '{"n":2}';
  const messages = [USER, message, toolResult(message, "3")];
  await chat(test.session, { ...ask, messages });
  const { branch } = test.session.tree.calls[1]!;
  assertEquals(branch?.detail, "message 1 is not what was sampled there");
  const prompt = test.model.tokenizer.decode(test.engine.requests[1]!.tokens);
  assertMatch(prompt, '"arguments": {"n": 2}');
});

Deno.test("Gateway keeps identical resamples as calls of their own, and goes on from either", async () => {
  await using test = await startGateway({ text: "Same" });
  const answer = await chat(test.session, { n: 2 });
  assertEquals(answer.choices.map((choice: Json) => choice.message.content), [
    "Same",
    "Same",
  ]);
  assertEquals(answer.usage.completion_tokens, 10);
  assertEquals(test.session.calls, 2);
  const [first, second] = test.engine.requests;
  assertTrue(first!.sampling.seed !== second!.sampling.seed);
  await chat(test.session, { messages: after(answer.choices[1].message) });
  assertEquals(test.session.tree.timelines().length, 1);
  assertEquals(test.session.tree.calls.map((call) => call.shared === 0), [
    true,
    false,
    false,
  ]);
});

Deno.test("Gateway branches where a retry rewrites the history, and says what was rewritten", async () => {
  await using test = await startGateway(
    inTurn({ text: "One." }, { text: "Two." }, { text: "Three." }, {
      text: "Four.",
    }),
  );
  const { choices: [{ message }] } = await chat(test.session);
  const edited = { ...message, content: "One, but edited." };
  await chat(test.session, { messages: after(edited) });
  const { branch } = test.session.tree.calls[1]!;
  assertEquals(branch?.kind, "rewritten-history");
  assertEquals(branch?.detail, "message 1 is not what was sampled there");

  const system = { role: "system", content: "New rules" };
  await chat(test.session, { messages: [system, USER, message, USER] });
  const again = test.session.tree.calls[2]!;
  assertMatch(again.branch!.detail!, "message 2 stands after something else");
  const prompt = test.engine.requests[2]!.tokens;
  assertMatch(prompt.join(" "), [...spelled("One."), IM_END].join(" "));
  await chat(test.session, { messages: after(message) });
  assertExtends(test, 3, 0);
});

Deno.test("Gateway goes on from the uncut part of a reply that a stop text ended", async () => {
  const scripts = [{ text: "Act: 12OBS: none" }, { text: "Done" }, {
    text: "!",
  }];
  await using test = await startGateway(inTurn(...scripts));
  const ask = { stop: "OBS" };
  const first = (await chat(test.session, ask)).choices[0];
  assertEquals([first.message.content, first.finish_reason], [
    "Act: 12",
    "stop",
  ]);
  assertEquals(test.session.tree.calls[0]!.sampledLength, "Act: 12OBS".length);

  const messages = after(first.message);
  const second = (await chat(test.session, { ...ask, messages })).choices[0];
  const start = test.engine.requests[0]!.tokens.length;
  const kept = [...spelled("Act: 12"), IM_END];
  assertEquals(
    test.engine.requests[1]!.tokens.slice(start, start + kept.length),
    kept,
  );
  assertEquals(
    test.session.tree.calls[1]!.branch?.detail,
    "message 1 was cut at a stop text",
  );

  messages.push(second.message, USER);
  await chat(test.session, { ...ask, messages });
  assertExtends(test, 2);
});

Deno.test("Gateway keeps thoughts within a tool loop, and drops them where the template does", async () => {
  const thought = {
    text:
      '<think>\n7 ×  6?</think>\n\n<tool_call>{"name": "calculator", "arguments": {}}</tool_call>',
  };
  await using test = await startGateway(
    inTurn(thought, thought, { text: "42" }, { text: "You are welcome" }),
    { model: testModel(THINKING) },
  );
  const messages: Json[] = [USER];
  async function step(): Promise<Json> {
    const answer = await chat(test.session, { messages, tools: [CALCULATOR] });
    return answer.choices[0].message;
  }
  for (let turn = 0; turn < 2; turn++) {
    const message = await step();
    messages.push(message, toolResult(message, "42"));
  }
  messages.push(await step(), USER);
  assertExtends(test, 1);
  assertExtends(test, 2);

  await step();
  const { branch } = test.session.tree.calls[3]!;
  assertEquals(
    branch?.detail,
    "message 1 is not written by the chat template as it was sampled",
  );
  const prompt = test.model.tokenizer.decode(test.engine.requests[3]!.tokens);
  assertTrue(!prompt.includes("<think>"));
});

Deno.test("Gateway leaves an opening out of the history where the template does", async () => {
  await using test = await startGateway({ text: "Yes" }, {
    model: testModel(THINKING),
    templateVariables: { enable_thinking: false },
  });
  const { choices: [{ message }] } = await chat(test.session);
  await chat(test.session, { messages: after(message) });
  const { tokenizer, template } = test.model;
  const [first, second] = test.engine.requests;
  assertTrue(
    tokenizer.decode(first!.tokens).endsWith("<think>\n\n</think>\n\n"),
  );
  const rendered = template!.render(after(message), {
    addGenerationPrompt: true,
    variables: { enable_thinking: false },
  });
  assertEquals(tokenizer.decode(second!.tokens), rendered);
  assertMatch(second!.tokens.join(" "), [...spelled("Yes"), IM_END].join(" "));
  assertEquals(
    test.session.tree.calls[1]!.branch?.detail,
    "message 1 has lost what the chat template had opened it with",
  );
});

Deno.test("Gateway counts what the template opens a reply with as part of the message", async () => {
  const thinking = CHATML
    .replace(
      '"<|im_start|>assistant\\n"',
      '"<|im_start|>assistant\\n<think>\\n"',
    )
    .replace(
      "message.content | trim",
      `(("<think>\\n" if "</think>" in message.content else "") + message.content) | trim`,
    );
  await using test = await startGateway(
    inTurn({ text: "hm</think>\n\nYes" }, { text: "so</think>No" }),
    { model: testModel(thinking) },
  );
  const { choices: [{ message }] } = await chat(test.session);
  assertEquals(message.content, "hm</think>\n\nYes");
  await chat(test.session, { messages: after(message) });
  assertExtends(test, 1);
  const text = test.model.tokenizer.decode(test.engine.requests[1]!.tokens);
  assertMatch(
    text,
    "<|im_start|>assistant\n<think>\nhm</think>\n\nYes<|im_end|>\n",
  );
  assertTrue(text.endsWith("<|im_start|>assistant\n<think>\n"));
});

Deno.test("Gateway renders afresh where the template looks at the assistant's words", async () => {
  const shouting = CHATML.replace(
    "message.content | trim",
    "message.content | upper",
  );
  await using test = await startGateway({ text: "yes" }, {
    model: testModel(shouting),
  });
  const { choices: [{ message }] } = await chat(test.session);
  await chat(test.session, { messages: after(message) });
  const text = test.model.tokenizer.decode(test.engine.requests[1]!.tokens);
  assertMatch(text, "<|im_start|>assistant\nYES<|im_end|>");
  assertMatch(
    test.session.tree.calls[1]!.branch!.detail!,
    "the chat template looks at",
  );
});

Deno.test("Gateway forces a tool call by opening it, and goes on from it exactly", async () => {
  await using test = await startGateway(
    inTurn({ text: ' {"expression": "1"}}\n</tool_call>' }, {
      text: ' "calculator", "arguments": {}}</tool_call>',
    }, { text: "ok" }),
  );
  const tools = [CALCULATOR];
  const tool_choice = { type: "function", function: { name: "calculator" } };
  const { choices: [{ message, finish_reason }] } = await chat(test.session, {
    tools,
    tool_choice,
  });
  assertEquals(finish_reason, "tool_calls");
  assertEquals(message.tool_calls[0].function, {
    name: "calculator",
    arguments: '{"expression":"1"}',
  });
  const prompt = test.model.tokenizer.decode(test.engine.requests[0]!.tokens);
  assertTrue(
    prompt.endsWith('<tool_call>\n{"name": "calculator", "arguments":'),
  );

  const messages = [USER, message, toolResult(message, "1")];
  const second = await chat(test.session, {
    tools,
    tool_choice: "required",
    messages,
  });
  assertExtends(test, 1);
  messages.push(
    second.choices[0].message,
    toolResult(second.choices[0].message, ""),
  );
  await chat(test.session, { tools, messages });
  assertExtends(test, 2);
});

Deno.test("Gateway shows one tool call where parallel ones are refused, and prompts with that one", async () => {
  const one = (n: number) =>
    `<tool_call>\n{"name": "calculator", "arguments": {"n": ${n}}}\n</tool_call>`;
  await using test = await startGateway(
    inTurn({ text: `${one(1)}\n${one(2)}` }, { text: "ok" }),
  );
  const ask = { tools: [CALCULATOR], parallel_tool_calls: false };
  const { choices: [{ message }] } = await chat(test.session, ask);
  assertEquals(message.tool_calls.length, 1);
  await chat(test.session, {
    ...ask,
    messages: [USER, message, toolResult(message, "1")],
  });
  const start = test.engine.requests[0]!.tokens.length;
  const kept = [...spelled(one(1)), IM_END];
  assertEquals(
    test.engine.requests[1]!.tokens.slice(start, start + kept.length),
    kept,
  );
  assertEquals(
    test.session.tree.calls[1]!.branch?.detail,
    "message 1 was cut after its first tool call",
  );
});

Deno.test("Gateway keeps several parallel tool calls in one message", async () => {
  const one = (n: number) =>
    `<tool_call>\n{"name": "calculator", "arguments": {"n":${n}}}\n</tool_call>`;
  await using test = await startGateway(
    inTurn({ text: `Both:\n${one(1)}\n\n${one(2)}` }, { text: "ok" }),
  );
  const { choices: [{ message }] } = await chat(test.session, {
    tools: [CALCULATOR],
  });
  assertEquals(message.content, "Both:");
  assertEquals(message.tool_calls.length, 2);
  const results = message.tool_calls.map(({ id }: Json) => ({
    role: "tool",
    tool_call_id: id,
    content: "1",
  }));
  await chat(test.session, {
    tools: [CALCULATOR],
    messages: [USER, message, ...results],
  });
  assertExtends(test, 1);
});

Deno.test("Gateway does not take another agent's few-shot examples for a rewritten history", async () => {
  await using test = await startGateway({ text: "OK" });
  await chat(test.session, { model: "policy:first" });
  const example = { role: "assistant", content: "OK" };
  const messages = [{ role: "user", content: "Example" }, example, USER];
  await chat(test.session, { model: "policy:second", messages });
  assertEquals(test.session.tree.calls.map(({ agent }) => agent), [
    "first",
    "second",
  ]);
  assertEquals(test.session.tree.calls[1]!.branch?.detail, undefined);
});
