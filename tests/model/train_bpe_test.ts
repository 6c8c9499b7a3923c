import {
  type JsonObject,
  QWEN2_PRETOKENIZER,
  Tokenizer,
  trainBpe,
} from "../../src/model/mod.ts";
import { UserError } from "../../src/errors.ts";
import { assertEquals, assertThrows, assertTrue } from "../assert.ts";
import { GOLDEN } from "./_golden.ts";

Deno.test("trainBpe() learns the tokenizer that Hugging Face's trainer learns", () => {
  for (const { json, pretokenizer, vocabSize } of GOLDEN.tokenizers) {
    if (pretokenizer === null || vocabSize === null) continue;
    const trained = trainBpe(GOLDEN.corpus, {
      vocabSize,
      specialTokens: GOLDEN.specialTokens,
      addedTokens: GOLDEN.addedTokens,
      pretokenizer,
    });
    // The decoder's switches differ, but decoding ignores them.
    assertEquals({ ...trained, decoder: json.decoder }, json);
  }
});

Deno.test("trainBpe() takes Qwen2's pretokenizer unless told otherwise", () => {
  assertEquals(QWEN2_PRETOKENIZER, GOLDEN.tokenizers[0]!.pretokenizer);
  const tokenizer = new Tokenizer(
    trainBpe(["12 12 12 12"], { vocabSize: 300 }),
  );
  assertEquals(tokenizer.encode("12").length, 2);
});

Deno.test("trainBpe() stops at vocabSize, or when nothing is left to merge", () => {
  assertEquals(vocabSize(trainBpe(["abab abab"], { vocabSize: 258 })), 258);
  assertEquals(vocabSize(trainBpe(["ab"], { vocabSize: 1000 })), 257);
  assertEquals(vocabSize(trainBpe([], { vocabSize: 256 })), 256);
});

Deno.test("trainBpe() never merges across a special token and records each merge once", () => {
  // "abc" arises from "ab"+"c" and from "a"+"bc"; both stand before "d".
  const corpus = ["abcd abcd abcd xbc xbc xbc xbc a<|s|>bcd", "ababab"];
  const json = trainBpe(corpus, { vocabSize: 400, specialTokens: ["<|s|>"] });
  const { merges } = json.model as { merges: [string, string][] };
  assertEquals(new Set(merges.map((pair) => pair.join())).size, merges.length);
  assertTrue(!merges.some((pair) => pair.join("").includes("<|")));
});

Deno.test("trainBpe() refuses a vocabulary that cannot hold the bytes, and twins", () => {
  assertThrows(
    () => trainBpe([], { vocabSize: 256, specialTokens: ["<|s|>"] }),
    UserError,
    "at least 257",
  );
  assertThrows(
    () =>
      trainBpe([], {
        vocabSize: 300,
        specialTokens: ["x"],
        addedTokens: ["x"],
      }),
    UserError,
    "distinct",
  );
});

function vocabSize(json: JsonObject): number {
  return new Tokenizer(json).vocabSize;
}
