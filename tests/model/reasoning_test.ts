import {
  joinReasoning,
  type ReasonedReply,
  ReasoningStream,
  splitReasoning,
} from "../../src/model/mod.ts";
import { assertEquals } from "../assert.ts";

/** Replies, whether the prompt has opened their reasoning, and what they hold. */
const REPLIES: readonly (readonly [string, boolean, ReasonedReply])[] = [
  ["", false, { reasoning: "", content: "" }],
  ["Yes", false, { reasoning: "", content: "Yes" }],
  ["  Yes ", false, { reasoning: "", content: "  Yes " }],
  ["<think>\nhm\n\nso </think>\n\nYes ", false, {
    reasoning: "hm\n\nso",
    content: "Yes ",
  }],
  ["\n<think></think>Yes", false, { reasoning: "", content: "Yes" }],
  ["hm</think>\n\nYes", true, { reasoning: "hm", content: "Yes" }],
  ["\nhm </thi", true, { reasoning: "hm </thi", content: "" }],
  ["<think>hm, cut", false, { reasoning: "hm, cut", content: "" }],
  ["<th", false, { reasoning: "", content: "<th" }],
  ["a <think>b</think>", false, {
    reasoning: "",
    content: "a <think>b</think>",
  }],
];

Deno.test("splitReasoning() takes what a model thought first from what it says", () => {
  for (const [text, opened, expected] of REPLIES) {
    assertEquals(splitReasoning(text, opened), expected, text);
  }
  const reply = { reasoning: "hm", content: "Yes" };
  assertEquals(splitReasoning(joinReasoning(reply), false), reply);
});

Deno.test("ReasoningStream gives the same for every way to cut a reply", () => {
  for (const [text, opened, expected] of REPLIES) {
    for (let size = 1; size <= text.length; size++) {
      for (let offset = 0; offset < size; offset++) {
        const stream = new ReasoningStream(opened);
        const pieces = [stream.push(text.slice(0, offset))];
        for (let at = offset; at < text.length; at += size) {
          pieces.push(stream.push(text.slice(at, at + size)));
        }
        pieces.push(stream.end());
        assertEquals(
          {
            reasoning: pieces.map(({ reasoning }) => reasoning).join(""),
            content: pieces.map(({ content }) => content).join(""),
          },
          expected,
          text,
        );
      }
    }
  }
});
