import { detectToolFormat, hermesToolFormat } from "../../src/model/mod.ts";
import type { ParsedReply } from "../../src/model/mod.ts";
import { assertEquals } from "../assert.ts";

const CALL =
  '<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call>';
const ADD = { name: "add", arguments: '{"a":1}' };

/** Replies and what they hold. */
const REPLIES: readonly (readonly [string, ParsedReply])[] = [
  ["", { content: "", toolCalls: [] }],
  ["Answer: 5\n", { content: "Answer: 5\n", toolCalls: [] }],
  [CALL, { content: "", toolCalls: [ADD] }],
  [`Let me see.\n${CALL}`, { content: "Let me see.", toolCalls: [ADD] }],
  [`${CALL}\n${CALL}\n`, { content: "", toolCalls: [ADD, ADD] }],
  [`${CALL}${CALL}`, { content: "", toolCalls: [ADD, ADD] }],
  [`a ${CALL} b `, { content: "a b ", toolCalls: [ADD] }],
  ["a < b <tool", { content: "a < b <tool", toolCalls: [] }],
  ["<<tool_call", { content: "<<tool_call", toolCalls: [] }],
  ["  ", { content: "  ", toolCalls: [] }],
  ["<tool_call>{}</tool_call>", {
    content: "<tool_call>{}</tool_call>",
    toolCalls: [],
  }],
  ["x\n<tool_call>{bad</tool_call>\n" + CALL, {
    content: "x\n<tool_call>{bad</tool_call>",
    toolCalls: [ADD],
  }],
  [`${CALL}\n<tool_call>\n{"name": "add"`, {
    content: '\n<tool_call>\n{"name": "add"',
    toolCalls: [ADD],
  }],
  ['<tool_call>{"name":"f","arguments":[1]}</tool_call>', {
    content: '<tool_call>{"name":"f","arguments":[1]}</tool_call>',
    toolCalls: [],
  }],
  ['<tool_call>{"name":"f","arguments":7}</tool_call>', {
    content: '<tool_call>{"name":"f","arguments":7}</tool_call>',
    toolCalls: [],
  }],
  ['<tool_call>{"name":"","arguments":{}}</tool_call>', {
    content: '<tool_call>{"name":"","arguments":{}}</tool_call>',
    toolCalls: [],
  }],
  ['<tool_call>{"arguments":{"s":"</tool_cal"},"name":"f"}</tool_call>', {
    content: "",
    toolCalls: [{ name: "f", arguments: '{"s":"</tool_cal"}' }],
  }],
];

Deno.test("hermesToolFormat.parse() separates content from tool calls", () => {
  for (const [text, expected] of REPLIES) {
    assertEquals(hermesToolFormat.parse(text), expected, text);
  }
});

Deno.test("hermesToolFormat.stream() gives the same for every way to cut a reply", () => {
  for (const [text, expected] of REPLIES) {
    for (let size = 1; size <= text.length; size++) {
      for (let offset = 0; offset < size; offset++) {
        assertEquals(streamed(text, { size, offset }), expected, text);
      }
    }
  }
});

Deno.test("hermesToolFormat.stream() lets text go as soon as it cannot begin a call", () => {
  const stream = hermesToolFormat.stream();
  assertEquals(stream.push("5 <").content, "5");
  assertEquals(stream.push("t").content, "");
  assertEquals(stream.push("able>").content, " <table>");
  assertEquals(stream.push("\n").content, "");
  assertEquals(stream.push(CALL).toolCalls, [ADD]);
  assertEquals(stream.end(), { content: "", toolCalls: [] });
});

Deno.test("hermesToolFormat.parse() keeps every digit of a number", () => {
  const json = '{"id":12345678901234567890,"x":1.0,"y":-1e-05,"s":"1.0"}';
  const reply = hermesToolFormat.parse(
    `<tool_call>{"name":"f","arguments":${json}}</tool_call>`,
  );
  assertEquals(reply.toolCalls, [{ name: "f", arguments: json }]);
});

Deno.test("detectToolFormat() knows Hermes tags from Qwen3-Coder's", () => {
  assertEquals(detectToolFormat("… <tool_call>\n{…"), hermesToolFormat);
  assertEquals(
    detectToolFormat("… <tool_call>\n<function=f>…"),
    undefined,
  );
  assertEquals(detectToolFormat("{{ messages }}"), undefined);
});

function streamed(
  text: string,
  cut: { readonly size: number; readonly offset: number },
): ParsedReply {
  const stream = hermesToolFormat.stream();
  const pieces = [text.slice(0, cut.offset)];
  for (let at = cut.offset; at < text.length; at += cut.size) {
    pieces.push(text.slice(at, at + cut.size));
  }
  const replies = [...pieces.map((piece) => stream.push(piece)), stream.end()];
  return {
    content: replies.map((reply) => reply.content).join(""),
    toolCalls: replies.flatMap((reply) => reply.toolCalls),
  };
}
