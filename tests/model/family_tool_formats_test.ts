import {
  detectToolFormat,
  llama3ToolFormat,
  mistralToolFormat,
  type ParsedReply,
  pythonicToolFormat,
  type ToolCall,
  type ToolFormat,
} from "../../src/model/mod.ts";
import { assertEquals } from "../assert.ts";

const ADD: ToolCall = { name: "add", arguments: '{"a":1}' };
const JSON_ADD = '{"name": "add", "parameters": {"a": 1}}';
const MISTRAL_ADD = '{"name": "add", "arguments": {"a": 1}}';

function reply(content: string, ...toolCalls: ToolCall[]): ParsedReply {
  return { content, toolCalls };
}

/** Replies of each family, and what they hold. */
const REPLIES: readonly (readonly [ToolFormat, string, ParsedReply])[] = [
  [llama3ToolFormat, "", reply("")],
  [llama3ToolFormat, "  ", reply("  ")],
  [llama3ToolFormat, "The answer is {5}.", reply("The answer is {5}.")],
  [llama3ToolFormat, JSON_ADD, reply("", ADD)],
  [llama3ToolFormat, ` ${JSON_ADD}\n`, reply("", ADD)],
  [llama3ToolFormat, `${JSON_ADD}; ${JSON_ADD}`, reply("", ADD, ADD)],
  [llama3ToolFormat, `${JSON_ADD}\nDone`, reply("\nDone", ADD)],
  [llama3ToolFormat, `<|python_tag|>${JSON_ADD}`, reply("", ADD)],
  [llama3ToolFormat, `Hm.\n<|python_tag|>${JSON_ADD}`, reply("Hm.", ADD)],
  [llama3ToolFormat, `a <|pyth`, reply("a <|pyth")],
  [llama3ToolFormat, `<|python_tag|>print(1)`, reply("<|python_tag|>print(1)")],
  [llama3ToolFormat, '{"answer": [1, "}"]}', reply('{"answer": [1, "}"]}')],
  [llama3ToolFormat, `${JSON_ADD}; {"name"`, reply('; {"name"', ADD)],
  [
    llama3ToolFormat,
    '{"name": "f", "parameters',
    reply('{"name": "f", "parameters'),
  ],
  [
    llama3ToolFormat,
    '{"name": "f", "parameters": {"s": "\\"}{", "n": 1.0}}',
    reply("", { name: "f", arguments: '{"s":"\\"}{","n":1.0}' }),
  ],
  [
    llama3ToolFormat,
    '{"name": "f", "parameters": [1]}',
    reply('{"name": "f", "parameters": [1]}'),
  ],

  [mistralToolFormat, "It is [5].", reply("It is [5].")],
  [mistralToolFormat, `[TOOL_CALLS] [${MISTRAL_ADD}]`, reply("", ADD)],
  [
    mistralToolFormat,
    `[TOOL_CALLS][${MISTRAL_ADD}, ${MISTRAL_ADD}]\n`,
    reply("", ADD, ADD),
  ],
  [
    mistralToolFormat,
    `Hm. [TOOL_CALLS][${MISTRAL_ADD}] ok`,
    reply("Hm. ok", ADD),
  ],
  [mistralToolFormat, `[TOOL_CALLS]add{"a": 1}`, reply("", ADD)],
  [
    mistralToolFormat,
    `[TOOL_CALLS]add[ARGS]{"a": 1}[TOOL_CALLS]add[CALL_ID]x9[ARGS]{"a": 1}`,
    reply("", ADD, ADD),
  ],
  [
    mistralToolFormat,
    "[TOOL_CALLS] of course",
    reply("[TOOL_CALLS] of course"),
  ],
  [mistralToolFormat, "[TOOL_CALLS][1]", reply("[TOOL_CALLS][1]")],
  [mistralToolFormat, "a [TOOL", reply("a [TOOL")],
  [
    mistralToolFormat,
    `[TOOL_CALLS][${MISTRAL_ADD}, {"na`,
    reply(', {"na', ADD),
  ],

  [pythonicToolFormat, "[1, 2]", reply("[1, 2]")],
  [pythonicToolFormat, "[a link](https://b.c)", reply("[a link](https://b.c)")],
  [pythonicToolFormat, "[add(a=1)]", reply("", ADD)],
  [pythonicToolFormat, "[add(a=1), add(a=1,)]\n", reply("", ADD, ADD)],
  [
    pythonicToolFormat,
    "<|python_start|>[add(a=1)]<|python_end|>",
    reply("", ADD),
  ],
  [pythonicToolFormat, "[now()]", reply("", { name: "now", arguments: "{}" })],
  [
    pythonicToolFormat,
    `[geo.find(city='O\\'Hare "x" )]', at=[1.0, -2e-05], ok=True, none=None, d={'k': (1, "é")})]`,
    reply("", {
      name: "geo.find",
      arguments:
        '{"city":"O\'Hare \\"x\\" )]","at":[1.0,-2e-05],"ok":true,"none":null,"d":{"k":[1,"é"]}}',
    }),
  ],
  [pythonicToolFormat, "[add(1)]", reply("[add(1)]")],
  [pythonicToolFormat, "[add(a=b)]", reply("[add(a=b)]")],
  [pythonicToolFormat, "[add(a=1), add(a", reply(", add(a", ADD)],
];

function streamed(
  format: ToolFormat,
  text: string,
  cut: { readonly size: number; readonly offset: number },
): ParsedReply {
  const stream = format.stream();
  const pieces = [text.slice(0, cut.offset)];
  for (let at = cut.offset; at < text.length; at += cut.size) {
    pieces.push(text.slice(at, at + cut.size));
  }
  const replies = [...pieces.map((piece) => stream.push(piece)), stream.end()];
  return {
    content: replies.map(({ content }) => content).join(""),
    toolCalls: replies.flatMap(({ toolCalls }) => toolCalls),
  };
}

Deno.test("parse() of Llama's and Mistral's formats separates content from tool calls", () => {
  for (const [format, text, expected] of REPLIES) {
    assertEquals(format.parse(text), expected, `${format.name}: ${text}`);
  }
});

Deno.test("stream() of Llama's and Mistral's formats gives the same for every way to cut a reply", () => {
  for (const [format, text, expected] of REPLIES) {
    for (let size = 1; size <= text.length; size++) {
      for (let offset = 0; offset < size; offset++) {
        const pieces = streamed(format, text, { size, offset });
        assertEquals(pieces, expected, `${format.name}: ${text}`);
      }
    }
  }
});

Deno.test("stream() of Llama's and Mistral's formats lets calls and text go as soon as they are certain", () => {
  const list = mistralToolFormat.stream();
  assertEquals(list.push(`Hm [TOOL_CALLS][${MISTRAL_ADD}`), reply("Hm", ADD));
  assertEquals(list.push(`, ${MISTRAL_ADD}`), reply("", ADD));
  const text = llama3ToolFormat.stream();
  assertEquals(text.push("5 < 6"), reply("5 < 6"));
  const long = "x".repeat(2000);
  const call = llama3ToolFormat.stream();
  assertEquals(call.push('{"name": "f", "parameters": {"s": "'), reply(""));
  for (const char of long) assertEquals(call.push(char), reply(""));
  assertEquals(
    call.push('"}}'),
    reply("", { name: "f", arguments: `{"s":"${long}"}` }),
  );
});

Deno.test("detectToolFormat() tells the families' templates apart", () => {
  const templates: readonly (readonly [string, ToolFormat | undefined])[] = [
    [
      `<|start_header_id|>assistant … '{"name": "' + tool_call.name + '", "parameters": '`,
      llama3ToolFormat,
    ],
    [
      `<|start_header_id|> … [func_name1(params_name1=params_value1, …), func_name2(params)]`,
      pythonicToolFormat,
    ],
    [`[AVAILABLE_TOOLS] … [TOOL_CALLS][`, mistralToolFormat],
    [`<|start_header_id|>{{ message.role }}<|end_header_id|>`, undefined],
  ];
  for (const [template, format] of templates) {
    assertEquals(detectToolFormat(template), format, template);
  }
});
