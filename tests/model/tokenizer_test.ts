import { StreamDecoder, Tokenizer } from "../../src/model/mod.ts";
import { ModelError } from "../../src/errors.ts";
import { assertEquals, assertThrows, assertTrue } from "../assert.ts";
import { seeded } from "../tracker/_random.ts";
import { GOLDEN, goldenTokenizer } from "./_golden.ts";

Deno.test("Tokenizer.encode() gives the ids of Hugging Face tokenizers", () => {
  for (const { name, json, encodings } of GOLDEN.tokenizers) {
    const tokenizer = new Tokenizer(json);
    for (const { text, ids } of encodings) {
      assertEquals(tokenizer.encode(text), ids, `${name}: ${text}`);
    }
  }
});

Deno.test("Tokenizer.decode() gives the text of Hugging Face tokenizers", () => {
  for (const { name, json, encodings, pieces } of GOLDEN.tokenizers) {
    const tokenizer = new Tokenizer(json);
    for (const { text, ids, decoded, withoutSpecial } of encodings) {
      assertEquals(tokenizer.decode(ids), decoded, `${name}: ${text}`);
      assertEquals(
        tokenizer.decode(ids, { skipSpecialTokens: true }),
        withoutSpecial,
        `${name}: ${text}`,
      );
    }
    for (const { ids, decoded } of pieces) {
      assertEquals(tokenizer.decode(ids), decoded, `${name}: ${ids}`);
    }
  }
});

Deno.test("Tokenizer.encodeWhole() puts around a text what tokenizer.json does, as Hugging Face tokenizers", () => {
  const { json } = GOLDEN.tokenizers[0]!;
  const special = (name: string) => ({ SpecialToken: { id: name } });
  const text = { Sequence: { id: "A" } };
  const template = (...single: unknown[]) => ({
    type: "TemplateProcessing",
    single,
    special_tokens: { "<s>": { ids: [477] }, "</s>": { ids: [478] } },
  });
  const sequence = (...processors: unknown[]) => ({
    type: "Sequence",
    processors,
  });
  const byteLevel = json.post_processor;
  // What tokenizers 0.23.3 gives for "" and "Hi a".
  const hi = [39, 72, 220, 64];
  const cases = [
    [null, [], hi],
    [byteLevel, [], hi],
    [template(special("<s>"), text), [477], [477, ...hi]],
    [template(special("<s>"), text, special("</s>")), [477, 478], [
      477,
      ...hi,
      478,
    ]],
    [sequence(byteLevel, template(special("<s>"), text)), [477], [477, ...hi]],
  ] as const;
  for (const [post_processor, empty, whole] of cases) {
    const tokenizer = new Tokenizer({ ...json, post_processor });
    assertEquals(tokenizer.encodeWhole(""), [...empty]);
    assertEquals(tokenizer.encodeWhole("Hi a"), [...whole]);
    assertEquals(tokenizer.encode("Hi a"), hi);
  }
  for (
    const [post_processor, words] of [
      [{ type: "BertProcessing" }, '"BertProcessing"'],
      [template(special("<x>"), text), '"<x>"'],
      [template(special("<s>")), "no Sequence"],
    ] as const
  ) {
    assertThrows(
      () => new Tokenizer({ ...json, post_processor }),
      ModelError,
      words,
    );
  }
});

Deno.test("Tokenizer.tokenBytes() adds up to the UTF-8 bytes of the normalised text", () => {
  const tokenizer = goldenTokenizer();
  for (const { text, ids } of GOLDEN.tokenizers[0]!.encodings) {
    const bytes = ids.flatMap((id) => [...tokenizer.tokenBytes(id)]);
    // The added tokens of these tokenizers are pure ASCII, which NFC leaves alone.
    assertEquals(bytes, [...new TextEncoder().encode(text.normalize("NFC"))]);
  }
});

Deno.test("Tokenizer.tokenBytes() gives nothing for a padding id and refuses what is no id", () => {
  const tokenizer = goldenTokenizer();
  assertEquals(tokenizer.tokenBytes(tokenizer.vocabSize), new Uint8Array(0));
  assertEquals(tokenizer.decode([tokenizer.vocabSize + 5]), "");
  for (const id of [-1, 1.5, NaN]) {
    assertThrows(() => tokenizer.tokenBytes(id), RangeError, "natural number");
  }
});

Deno.test("Tokenizer.encode() treats a lone surrogate as U+FFFD", () => {
  const tokenizer = goldenTokenizer();
  assertEquals(tokenizer.encode("a\ud83d!"), tokenizer.encode("a\ufffd!"));
});

Deno.test("Tokenizer knows its special tokens, its size and where a turn ends", () => {
  const tokenizer = goldenTokenizer();
  assertEquals([...tokenizer.specialTokens.keys()], GOLDEN.specialTokens);
  const end = tokenizer.specialTokens.get("<|im_end|>")!;
  assertEquals(tokenizer.eosIds, [end]);
  assertEquals(tokenizer.vocabSize, end + 1);
  assertTrue(tokenizer.isSpecial(end));
  const call = tokenizer.tokenId("<tool_call>")!;
  assertEquals(tokenizer.encode("<tool_call>"), [call]);
  assertTrue(!tokenizer.isSpecial(call));
});

Deno.test("Tokenizer refuses a tokenizer.json that it could not be exact with", () => {
  const { json } = GOLDEN.tokenizers[0]!;
  const model = json.model as Record<string, unknown>;
  const added = json.added_tokens as Record<string, unknown>[];
  const cases: [Record<string, unknown>, string][] = [
    [{ ...json, model: undefined }, "model.vocab is missing"],
    [{ ...json, model: { ...model, type: "Unigram" } }, '"Unigram"'],
    [{ ...json, decoder: { type: "WordPiece" } }, "decoder"],
    [{ ...json, model: { ...model, byte_fallback: true } }, "byte_fallback"],
    [{ ...json, model: { ...model, vocab: { a: -1 } } }, 'vocab["a"]'],
    [{ ...json, model: { ...model, vocab: { a: 1e9 } } }, "1000000000"],
    [{ ...json, added_tokens: [{ id: 3 }] }, "added_tokens[0].content"],
    [
      { ...json, added_tokens: [{ ...added[0], single_word: true }] },
      "single_word",
    ],
    [{ ...json, pre_tokenizer: { type: "Nonsense" } }, "Nonsense"],
    [{ ...json, model: { ...model, dropout: 0.1 } }, "model.dropout"],
    [{ ...json, model: { ...model, merges: undefined } }, "merges"],
  ];
  for (const [changed, message] of cases) {
    assertThrows(
      () => new Tokenizer(changed, { source: "x/tokenizer.json" }),
      ModelError,
      message,
    );
  }
  assertThrows(
    () => new Tokenizer(json, { config: { eos_token: "<|none|>" } }),
    ModelError,
    "<|none|>",
  );
});

Deno.test("StreamDecoder gives whole characters only, and all text in the end", () => {
  const tokenizer = goldenTokenizer();
  const text = "a😀é日<|im_end|>\n👩‍👩‍👧";
  const decoder = new StreamDecoder(tokenizer);
  const pieces = tokenizer.encode(text).map((id) => decoder.push([id]));
  assertEquals(pieces.join("") + decoder.end(), text);
  assertTrue(pieces.every((piece) => !piece.includes("\ufffd")));
});

Deno.test("StreamDecoder.end() shows an unfinished character and starts afresh", () => {
  const tokenizer = goldenTokenizer();
  const ids = tokenizer.encode("日");
  assertTrue(ids.length > 1, "the test needs a character of several tokens");
  const decoder = new StreamDecoder(tokenizer);
  assertEquals(decoder.push(ids.slice(0, -1)), "");
  assertEquals(decoder.end(), "\ufffd");
  assertEquals(decoder.push(ids) + decoder.end(), "日");
});

Deno.test("StreamDecoder gives what a decoder of their bytes gives, id by id, whatever the ids", () => {
  const tokenizer = goldenTokenizer();
  const random = seeded(3);
  const some = tokenizer.encode("a😀é日\n👩‍👩‍👧\ufeff<|im_end|>");
  for (let trial = 0; trial < 300; trial++) {
    const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
    const decoder = new StreamDecoder(tokenizer);
    for (let length = Math.floor(random() * 30); length > 0; length--) {
      const id = random() < 0.7
        ? some[Math.floor(random() * some.length)]!
        : Math.floor(random() * (tokenizer.vocabSize + 9));
      const bytes = tokenizer.tokenBytes(id).slice();
      assertEquals(decoder.push([id]), utf8.decode(bytes, { stream: true }));
    }
    assertEquals(decoder.end(), utf8.decode());
  }
});

Deno.test("StreamDecoder leaves special tokens out on request", () => {
  const tokenizer = goldenTokenizer();
  const decoder = new StreamDecoder(tokenizer, { skipSpecialTokens: true });
  const ids = tokenizer.encode("<tool_call>a<|im_end|>");
  assertEquals(decoder.push(ids) + decoder.end(), "<tool_call>a");
});
