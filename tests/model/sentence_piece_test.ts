import {
  loadTokenizer,
  StreamDecoder,
  Tokenizer,
} from "../../src/model/mod.ts";
import type { JsonObject } from "../../src/model/mod.ts";
import { ModelError } from "../../src/errors.ts";
import { assertEquals, assertThrows, assertTrue } from "../assert.ts";
import { seeded } from "../tracker/_random.ts";
import { SENTENCE_PIECES, sentencePiece } from "./_sentence_piece.ts";

Deno.test("Tokenizer.encode() gives the ids of Hugging Face for tokenizers of the SentencePiece kind", () => {
  for (const { name, json, encodings } of SENTENCE_PIECES) {
    const tokenizer = new Tokenizer(json);
    for (const { text, ids } of encodings) {
      assertEquals(tokenizer.encode(text), ids, `${name}: ${text}`);
    }
  }
});

Deno.test("Tokenizer.decode() gives the text of Hugging Face for tokenizers of the SentencePiece kind", () => {
  for (const { name, json, encodings } of SENTENCE_PIECES) {
    const tokenizer = new Tokenizer(json);
    for (const { text, ids, decoded, withoutSpecial } of encodings) {
      assertEquals(tokenizer.decode(ids), decoded, `${name}: ${text}`);
      // Hugging Face does not know its special tokens again in ids where they were normalized.
      if (name === "legacy, normalized") continue;
      assertEquals(
        tokenizer.decode(ids, { skipSpecialTokens: true }),
        withoutSpecial,
        `${name}: ${text}`,
      );
    }
  }
});

Deno.test("Tokenizer.decode() goes on from a prompt as vLLM's detokenizer does", () => {
  for (const { name, json, continuations } of SENTENCE_PIECES) {
    if (name === "legacy, normalized") continue;
    const tokenizer = new Tokenizer(json);
    for (const { prompt, ids, text } of continuations) {
      const continues = tokenizer.hasText(prompt);
      const options = { skipSpecialTokens: true, continues };
      assertEquals(tokenizer.decode(ids, options), text, `${name}: ${prompt}`);
    }
  }
});

Deno.test("Tokenizer.tokenBytes() adds up to the UTF-8 bytes of the text, with spaces for marks", () => {
  const tokenizer = sentencePiece("never");
  const { encodings } = SENTENCE_PIECES.find(({ name }) => name === "never")!;
  for (const { text } of encodings) {
    const bytes = tokenizer.encode(text)
      .flatMap((id) => [...tokenizer.tokenBytes(id)]);
    const expected = new TextEncoder().encode(text.replaceAll("▁", " "));
    assertEquals(bytes, [...expected]);
  }
  const [newline] = tokenizer.encode("\n");
  assertEquals(tokenizer.tokenBytes(newline!), Uint8Array.of(10));
});

/** Texts with the places where one may be cut, so that what follows is no part of the same word. */
const CUTS: readonly (readonly string[])[] = [
  ["<s>", "[INST] How many?", " [/INST]", " The answer</s>", "[INST]x"],
  ["<s>", "  two</s>", "</s>", " \n three"],
  ["How", " many", " apples", "?"],
  ["a", "<s>", "b", "</s>", " c"],
];

Deno.test("Tokenizer.encode() of a text that follows a token goes on as within the whole", () => {
  for (const name of ["legacy", "first", "always, split", "never"]) {
    const tokenizer = sentencePiece(name);
    for (const parts of CUTS) {
      const ids: number[] = [];
      for (const part of parts) {
        ids.push(...tokenizer.encode(part, { after: ids.at(-1) }));
      }
      assertEquals(ids, tokenizer.encode(parts.join("")), `${name}: ${parts}`);
    }
  }
});

Deno.test("Tokenizer.encode() leaves the space before a text out where it follows another, and takes in what an added token takes in", () => {
  const tokenizer = sentencePiece("always, split");
  const [the] = tokenizer.encode("the");
  const word = tokenizer.encode("the", { after: the });
  assertEquals(tokenizer.decode(word, { continues: true }), "the");
  const inst = tokenizer.specialTokens.get("[INST]")!;
  assertEquals(
    tokenizer.encode(" \n the", { after: inst }),
    tokenizer.encode("the"),
  );
  const places = [undefined, inst, tokenizer.eosIds[0], the];
  assertEquals(new Set(places.map((id) => tokenizer.placeAfter(id))).size, 4);
});

Deno.test("Tokenizer.encode() of a long word takes time in its length, not its square", () => {
  const tokenizer = sentencePiece("legacy");
  const random = seeded(5);
  const letters = Array.from(
    { length: 300_000 },
    () => "aehinorst"[Math.floor(random() * 9)],
  ).join("");
  // The square of these would take many minutes.
  for (const text of [letters, "a".repeat(300_000), " ".repeat(300_000)]) {
    const ids = tokenizer.encode(text);
    assertEquals(tokenizer.decode(ids), text);
  }
});

Deno.test("Tokenizer.encode() gives a text's ids however it was split to be fast", () => {
  const tokenizer = sentencePiece("legacy");
  const { json } = SENTENCE_PIECES.find(({ name }) => name === "legacy")!;
  const random = seeded(11);
  const alphabet = [..." ▁\n.ae', tish{\"é日😀1"];
  for (let trial = 0; trial < 300; trial++) {
    const text = Array.from(
      { length: 1 + Math.floor(random() * 60) },
      () => alphabet[Math.floor(random() * alphabet.length)],
    ).join("");
    assertEquals(tokenizer.encode(text), plainBpe(json, text), text);
  }
});

/** BPE as it is defined: the pair of the lowest rank is joined, the first of several, until none is left. */
function plainBpe(json: JsonObject, text: string): number[] {
  const model = json.model as {
    readonly vocab: Readonly<Record<string, number>>;
    readonly merges: readonly (readonly [string, string])[];
  };
  const ranks = new Map(model.merges.map((pair, i) => [pair.join("\n"), i]));
  const rankAt = (tokens: readonly string[], at: number) =>
    ranks.get(`${tokens[at]}\n${tokens[at + 1]}`) ?? Infinity;
  const tokens = [...`▁${text.replaceAll(" ", "▁")}`].flatMap((character) =>
    character in model.vocab ? [character] : Array.from(
      new TextEncoder().encode(character),
      (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
    )
  );
  while (true) {
    let best = 0;
    for (let at = 1; at < tokens.length - 1; at++) {
      if (rankAt(tokens, at) < rankAt(tokens, best)) best = at;
    }
    if (rankAt(tokens, best) === Infinity) break;
    tokens.splice(best, 2, tokens[best]! + tokens[best + 1]!);
  }
  return tokens.map((token) => model.vocab[token]!);
}

Deno.test("StreamDecoder gives what decode() gives, id by id, for tokenizers of the SentencePiece kind", () => {
  for (const { name, json, encodings } of SENTENCE_PIECES) {
    const tokenizer = new Tokenizer(json);
    for (const { text, ids } of encodings) {
      for (const continues of [false, true]) {
        const decoder = new StreamDecoder(tokenizer, { continues });
        for (const _ of ["once", "again"]) {
          const pieces = ids.map((id) => decoder.push([id]));
          assertEquals(
            pieces.join("") + decoder.end(),
            tokenizer.decode(ids, { continues }),
            `${name}: ${text}`,
          );
        }
      }
    }
  }
});

Deno.test("StreamDecoder leaves out the space before a text only where the text begins", () => {
  const tokenizer = sentencePiece("legacy");
  const ids = tokenizer.encode("The  answer");
  const said = (before: number[], skipSpecialTokens: boolean) =>
    tokenizer.decode([...before, ...ids], { skipSpecialTokens });
  const bos = tokenizer.specialTokens.get("<s>")!;
  const padding = tokenizer.vocabSize + 3;
  assertEquals(said([], false), "The  answer");
  assertEquals(said([padding], false), "The  answer");
  assertEquals(said([bos, bos], true), "The  answer");
  assertEquals(said([bos], false), "<s> The  answer");
  assertEquals(tokenizer.decode(ids, { continues: true }), " The  answer");
});

Deno.test("Tokenizer refuses parts of the SentencePiece kind that it could not be exact with, by name", () => {
  const { json } = SENTENCE_PIECES.find(({ name }) => name === "first")!;
  const model = json.model as JsonObject;
  const merges = model.merges as string[][];
  const steps = (json.decoder as { decoders: JsonObject[] }).decoders;
  const decoder = (...decoders: unknown[]) => ({
    decoder: { type: "Sequence", decoders },
  });
  const metaspace = json.pre_tokenizer as JsonObject;
  const cases: [Record<string, unknown>, string][] = [
    [{ normalizer: { type: "NFC" } }, 'normalizer: {"type":"NFC"}'],
    [{ normalizer: { type: "Prepend", prepend: "_" } }, '"prepend":"_"'],
    [{ pre_tokenizer: null }, "neither the normalizer nor the pre_tokenizer"],
    [{ pre_tokenizer: { type: "Whitespace" } }, "Whitespace"],
    [{ pre_tokenizer: { ...metaspace, replacement: "_" } }, '"_"'],
    [{ pre_tokenizer: { ...metaspace, prepend_scheme: "last" } }, "last"],
    [
      {
        pre_tokenizer: {
          type: "Sequence",
          pretokenizers: [metaspace, { type: "Digits" }],
        },
      },
      "Digits",
    ],
    [{ decoder: null }, "decoder is none that is supported"],
    [{ decoder: { type: "WordPiece" } }, "WordPiece"],
    [decoder(...steps.slice(0, 2)), "decoder is none that is supported"],
    [decoder(...steps, { type: "Fuse" }), 'decoder: {"type":"Fuse"}'],
    [
      decoder(...steps.slice(0, 3), { ...steps[3], content: "_" }),
      '"content":"_"',
    ],
    [
      { decoder: { type: "Metaspace", replacement: "▁", split: true } },
      "model.byte_fallback",
    ],
    [{ model: { ...model, unk_token: "<none>" } }, "model.unk_token"],
    [{ model: { ...model, end_of_word_suffix: "</w>" } }, "end_of_word_suffix"],
    [
      { model: { ...model, merges: [...merges, ["a", "▁▁▁▁"]] } },
      `model.merges[${merges.length}] does not join`,
    ],
    [{ model: { ...model, merges: ["abc"] } }, "model.merges[0]"],
  ];
  for (const [changed, message] of cases) {
    assertThrows(
      () => new Tokenizer({ ...json, ...changed }, { source: "x.json" }),
      ModelError,
      message,
    );
  }
});

Deno.test("Tokenizer reads merges in both forms, and Metaspace as older files write it", () => {
  const { json, encodings } = SENTENCE_PIECES
    .find(({ name }) => name === "always, split")!;
  const model = json.model as JsonObject;
  const merges = (model.merges as string[][]).map((pair) => pair.join(" "));
  const tokenizer = new Tokenizer({
    ...json,
    pre_tokenizer: {
      type: "Metaspace",
      replacement: "▁",
      str_rep: "▁",
      add_prefix_space: true,
    },
    model: { ...model, type: undefined, merges },
  });
  for (const { text, ids } of encodings) {
    assertEquals(tokenizer.encode(text), ids, text);
  }
});

Deno.test("loadTokenizer() takes the flags of added tokens from tokenizer_config.json, as transformers does", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const { json } = SENTENCE_PIECES
      .find(({ name }) => name === "legacy, normalized")!;
    const flags = { normalized: false, special: true };
    await Deno.writeTextFile(`${folder}/tokenizer.json`, JSON.stringify(json));
    await Deno.writeTextFile(
      `${folder}/tokenizer_config.json`,
      JSON.stringify({
        eos_token: "</s>",
        added_tokens_decoder: {
          0: { content: "<unk>", ...flags },
          1: { content: "<s>", ...flags },
          2: { content: "</s>", ...flags },
        },
      }),
    );
    const tokenizer = await loadTokenizer(folder);
    const text = "<s>x</s>y";
    assertEquals(tokenizer.encode(text), sentencePiece("legacy").encode(text));
    assertEquals(tokenizer.eosIds, [2]);
    assertTrue(tokenizer.isSpecial(2));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
