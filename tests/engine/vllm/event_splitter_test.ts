import { EventSplitter } from "../../../src/engine/vllm/_event_splitter.ts";
import { assertEquals } from "../../assert.ts";

const STREAM = new TextEncoder().encode(
  ': a comment\ndata: {"text":"naïve 日本"}\n\nevent: x\r\ndata:{"text":"🙂"}\r\n\r\ndata: [DONE]\n\n',
);
const DATA = ['{"text":"naïve 日本"}', '{"text":"🙂"}', "[DONE]"];

Deno.test("EventSplitter.push() finds the same data wherever the stream comes apart", () => {
  for (let size = 1; size <= STREAM.length; size++) {
    const events = new EventSplitter();
    const data: string[] = [];
    // As its caller does: one buffer for all pieces.
    const buffer = new Uint8Array(size);
    for (let at = 0; at < STREAM.length; at += size) {
      const piece = STREAM.subarray(at, at + size);
      buffer.set(piece);
      data.push(...events.push(buffer.subarray(0, piece.length)));
    }
    assertEquals(data, DATA);
  }
});

Deno.test("EventSplitter.push() holds back a line that has not ended", () => {
  const events = new EventSplitter();
  const utf8 = new TextEncoder();
  assertEquals(events.push(utf8.encode("data: one\n\ndata: t")), ["one"]);
  assertEquals(events.push(utf8.encode("w")), []);
  assertEquals(events.push(utf8.encode("o\n")), ["two"]);
});
