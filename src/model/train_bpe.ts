import { Tokenizer as HuggingFaceTokenizer } from "../deps/tokenizers.ts";
import { UserError } from "../errors.ts";
import { learnMerges, type Merge } from "./_bpe_merges.ts";
import { byteLevelAlphabet } from "./_byte_level.ts";
import type { JsonObject } from "./_files.ts";

/**
 * The regular expression by which Qwen2 and Qwen3 cut text into pretokens: contractions, words with
 * one leading non-letter, single digits, punctuation, line breaks, white space.
 */
export const QWEN2_PRETOKENIZER: string =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** What tokenizer to train. */
export interface TrainBpeOptions {
  /** Most tokens to end with: 256 bytes, the learned ones, and the special and added ones. */
  readonly vocabSize: number;
  /** Tokens that decoding may skip, such as `<|im_end|>`; they get the last ids. @default [] */
  readonly specialTokens?: readonly string[];
  /** Tokens never split that are ordinary text, such as `<tool_call>`. @default [] */
  readonly addedTokens?: readonly string[];
  /** Regular expression (Oniguruma's syntax) of pretokens. @default QWEN2_PRETOKENIZER */
  readonly pretokenizer?: string;
}

/**
 * Trains a byte-level BPE tokenizer and returns the contents of its `tokenizer.json`.
 *
 * The ids are those of the bytes (in GPT-2's order), the merged tokens, the added tokens and the
 * special tokens, in this order. The same corpus gives the same tokenizer.
 *
 * @throws {UserError} If the vocabulary cannot hold the bytes and the given tokens, or a token is
 *   given twice.
 */
export function trainBpe(
  corpus: readonly string[],
  options: TrainBpeOptions,
): JsonObject {
  const {
    vocabSize,
    specialTokens = [],
    addedTokens = [],
    pretokenizer = QWEN2_PRETOKENIZER,
  } = options;
  const whole = [...addedTokens, ...specialTokens];
  if (new Set(whole).size !== whole.length || whole.includes("")) {
    throw new UserError(
      `Special and added tokens must be distinct and not empty, got ${
        JSON.stringify(whole)
      }`,
    );
  }
  const size = vocabSize - whole.length;
  if (!Number.isInteger(vocabSize) || size < 256) {
    throw new UserError(
      `A byte-level tokenizer with ${whole.length} special and added tokens needs a vocabSize of at least ${
        256 + whole.length
      }, got ${vocabSize}`,
    );
  }
  const tokens = [...byteLevelAlphabet()].sort();
  const untrained = tokenizerJson({ tokens, merges: [], pretokenizer });
  const words = countPretokens(corpus, { json: untrained, whole });
  const merges = learnMerges(words, { tokens, size });
  const added = whole.map((content, i) => ({
    id: tokens.length + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: i >= addedTokens.length,
  }));
  return tokenizerJson({ tokens, merges, pretokenizer, added });
}

/** How often each pretoken stands in the corpus, in byte-level characters. */
function countPretokens(
  corpus: readonly string[],
  options: { readonly json: JsonObject; readonly whole: readonly string[] },
): Map<string, number> {
  // Cutting is left to the tokenizer itself, so that training and encoding see the same pretokens.
  const { normalizer, pre_tokenizer } = new HuggingFaceTokenizer(
    options.json,
    {},
  );
  const boundary = new RegExp(
    options.whole.map((token) => RegExp.escape(token)).join("|") || "(?!)",
  );
  const counts = new Map<string, number>();
  for (const text of corpus) {
    for (const section of text.toWellFormed().split(boundary)) {
      const normal = normalizer!.normalize(section);
      for (const word of pre_tokenizer!.pre_tokenize(normal)) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
      }
    }
  }
  return counts;
}

function tokenizerJson(parts: {
  readonly tokens: readonly string[];
  readonly merges: readonly Merge[];
  readonly pretokenizer: string;
  readonly added?: readonly JsonObject[];
}): JsonObject {
  const { tokens, merges, pretokenizer, added = [] } = parts;
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: false,
    use_regex: false,
  };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        {
          type: "Split",
          pattern: { Regex: pretokenizer },
          behavior: "Isolated",
          invert: false,
        },
        byteLevel,
      ],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map(({ left, right }) => [tokens[left], tokens[right]]),
    },
  };
}
