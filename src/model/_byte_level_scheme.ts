import { Tokenizer as HuggingFaceTokenizer } from "../deps/tokenizers.ts";
import { ModelError } from "../errors.ts";
import { byteLevelToBytes } from "./_byte_level.ts";
import { exactTokenizerJson } from "./_exact_tokenizer_json.ts";
import { isObject, type JsonObject } from "./_files.ts";
import type { TokenScheme } from "./_token_scheme.ts";

/** Whether a tokenizer's tokens are written in stand-ins for bytes. */
export function usesByteLevel(decoder: unknown): boolean {
  if (!isObject(decoder)) return false;
  if (decoder.type === "ByteLevel") return true;
  return decoder.type === "Sequence" && Array.isArray(decoder.decoders) &&
    decoder.decoders.length === 1 && usesByteLevel(decoder.decoders[0]);
}

/**
 * Byte-level BPE, as of GPT-2, Llama 3 and Qwen: the ids of a text do not depend on what it follows.
 *
 * @throws {ModelError} If a part of the tokenizer is not supported.
 */
export function byteLevelScheme(
  json: JsonObject,
  source: string,
): TokenScheme {
  if ((json.model as JsonObject).byte_fallback) {
    throw new ModelError(
      `${source}: model.byte_fallback is not supported beside a ByteLevel decoder`,
    );
  }
  const encoder = openEncoder(json, source);
  const utf8 = new TextEncoder();
  return {
    encode: (text) => encoder.encode(text, { add_special_tokens: false }).ids,
    placeAfter: () => "",
    bytesOf(token, added) {
      const bytes = added ? undefined : byteLevelToBytes(token);
      return bytes ?? utf8.encode(token);
    },
    openingOf: (_, whole) => whole,
  };
}

function openEncoder(json: JsonObject, source: string): HuggingFaceTokenizer {
  try {
    return new HuggingFaceTokenizer(exactTokenizerJson(json), {});
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelError(`${source} cannot be used: ${reason}`, { cause });
  }
}
