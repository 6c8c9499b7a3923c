import { isObject, type JsonObject } from "./_files.ts";

/** The regular expression that a ByteLevel pretokenizer with `use_regex` applies: GPT-2's. */
const GPT2_PRETOKENIZER =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/**
 * A `tokenizer.json` rewritten to mean the same and be read exactly by `@huggingface/tokenizers`.
 *
 * The package applies implied patterns with JavaScript's idea of white space and digits, but those
 * that the file spells out with Unicode's; and it guesses where the model's type is left out.
 */
export function exactTokenizerJson(json: JsonObject): JsonObject {
  return {
    ...json,
    normalizer: json.normalizer ?? null,
    pre_tokenizer: spelledOut(json.pre_tokenizer) ?? null,
    post_processor: json.post_processor ?? null,
    added_tokens: json.added_tokens ?? [],
    model: { ...json.model as JsonObject, type: "BPE" },
  };
}

/** A pretokenizer with every implied pattern spelled out. */
function spelledOut(pretokenizer: unknown): unknown {
  if (!isObject(pretokenizer)) return pretokenizer;
  const { type, pretokenizers } = pretokenizer;
  if (type === "Sequence" && Array.isArray(pretokenizers)) {
    return { ...pretokenizer, pretokenizers: pretokenizers.map(spelledOut) };
  }
  if (type === "Digits") {
    return split(pretokenizer.individual_digits ? "\\p{N}" : "\\p{N}+");
  }
  // A prefix space would be put before each part of a split text instead of once.
  const { use_regex = true, add_prefix_space = false } = pretokenizer;
  if (type === "ByteLevel" && use_regex && !add_prefix_space) {
    return {
      type: "Sequence",
      pretokenizers: [
        split(GPT2_PRETOKENIZER),
        { ...pretokenizer, use_regex: false },
      ],
    };
  }
  return pretokenizer;
}

function split(pattern: string): JsonObject {
  return {
    type: "Split",
    pattern: { Regex: pattern },
    behavior: "Isolated",
    invert: false,
  };
}
