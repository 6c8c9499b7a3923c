import { ReplyReader } from "../../src/tuner/_reply_reader.ts";
import { StopScanner } from "../../src/tuner/_stop_scanner.ts";
import { assertEquals } from "../assert.ts";
import { spelled, testModel, tokenId } from "./_test_model.ts";

const { tokenizer, toolFormat, eosIds } = testModel();

Deno.test("StopScanner finds the first stop text for every way to cut the text", () => {
  const cases = [
    { text: "abcabd!", stops: ["abd"], before: "abc" },
    { text: "aaab", stops: ["aab", "ab"], before: "a" },
    { text: "xxy", stops: ["zz", "y"], before: "xx" },
    { text: "no stop ab", stops: ["abc"], before: "no stop ab" },
  ];
  for (const { text, stops, before } of cases) {
    for (let size = 1; size <= text.length; size++) {
      const scanner = new StopScanner(stops);
      let found = "";
      let stopped = false;
      for (let at = 0; at < text.length && !stopped; at += size) {
        const news = scanner.push(text.slice(at, at + size));
        found += news.text;
        stopped = news.stop !== undefined;
      }
      assertEquals(found + scanner.end(), before, `${text} by ${size}`);
      assertEquals(stopped, before !== text);
    }
  }
});

Deno.test("ReplyReader reads the same reply however its ids come in", () => {
  const call =
    '<tool_call>\n{"name": "f", "arguments": {"s": "✓"}}\n</tool_call>';
  const ids = [...spelled(`Well ✓\n${call}\nso`), tokenId("<|im_end|>")];
  for (const oneCall of [false, true]) {
    for (const size of [1, 2, 7, ids.length]) {
      const reader = new ReplyReader({
        tokenizer,
        continues: true,
        stopTokens: new Set(eosIds),
        stops: ["\nso"],
        tools: toolFormat!.stream(),
        forced: "",
        oneCall,
      });
      let content = "";
      for (let at = 0; at < ids.length; at += size) {
        content += reader.push(ids.slice(at, at + size)).content;
      }
      content += reader.end().content;
      assertEquals(content, "Well ✓");
      assertEquals(reader.reply(), {
        content,
        toolCalls: [{ name: "f", arguments: '{"s":"✓"}' }],
        text: `Well ✓\n${call}`,
        sampled: ids.length - 1,
        cut: "was cut at a stop text",
        stop: "\nso",
      });
    }
  }
});
