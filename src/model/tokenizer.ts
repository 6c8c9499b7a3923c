import { Tokenizer as HuggingFaceTokenizer } from "../deps/tokenizers.ts";
import { ModelError } from "../errors.ts";
import { byteLevelToBytes } from "./_byte_level.ts";
import { exactTokenizerJson } from "./_exact_tokenizer_json.ts";
import { isObject, type JsonObject, tokenText } from "./_files.ts";
import { StreamDecoder } from "./stream_decoder.ts";

/** What a tokenizer needs beside `tokenizer.json`. */
export interface TokenizerOptions {
  /** Contents of `tokenizer_config.json`. @default {} */
  readonly config?: JsonObject;
  /** Ids that end a turn or a text, beside the `eos_token` of `config`. @default [] */
  readonly eosIds?: readonly number[];
  /** What error messages call the file. @default "tokenizer.json" */
  readonly source?: string;
}

/** How token ids become text. */
export interface DecodeOptions {
  /** Leaves special tokens out. @default false */
  readonly skipSpecialTokens?: boolean;
}

/**
 * A byte-level BPE tokenizer that encodes as Hugging Face `tokenizers` does.
 *
 * Every token stands for exact bytes, so that any split of a text into tokens, also one in the
 * middle of a character, can be put together again without loss.
 */
export class Tokenizer {
  /** One more than the largest token id; an embedding matrix needs at least so many rows. */
  readonly vocabSize: number;
  /** Ids of the tokens marked special, by their text; never the result of ordinary text. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Ids that end a turn or a text. */
  readonly eosIds: readonly number[];
  readonly #encoder: HuggingFaceTokenizer;
  readonly #bytes: readonly (Uint8Array | undefined)[];
  /** What `wholeText` was asked for; null where bytes are not whole characters. */
  readonly #texts: (string | null)[] = [];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #specialIds: ReadonlySet<number>;

  /**
   * Checks the tokenizer and builds its tables.
   *
   * @param json Contents of `tokenizer.json`.
   * @throws {ModelError} If it is not a byte-level BPE tokenizer, or inconsistent.
   */
  constructor(json: JsonObject, options: TokenizerOptions = {}) {
    const { config = {}, eosIds = [], source = "tokenizer.json" } = options;
    const vocab = checkVocab(json, source);
    const added = checkAddedTokens(json, source);
    this.#ids = new Map([
      ...Object.entries(vocab),
      ...added.map(({ content, id }) => [content, id] as const),
    ]);
    this.#bytes = tokenBytes(vocab, added);
    this.vocabSize = this.#bytes.length;
    this.specialTokens = new Map(
      added.filter((token) => token.special).map(({ content, id }) => [
        content,
        id,
      ]),
    );
    this.#specialIds = new Set(this.specialTokens.values());
    this.eosIds = [...new Set([...eosIds, ...this.#eosToken(config, source)])];
    try {
      this.#encoder = new HuggingFaceTokenizer(exactTokenizerJson(json), {});
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ModelError(`${source} cannot be used: ${reason}`, { cause });
    }
  }

  /**
   * Token ids of `text`. Special tokens that stand in the text are recognised; none are added.
   * Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
   */
  encode(text: string): number[] {
    if (text === "") return [];
    return this.#encoder.encode(text.toWellFormed(), {
      add_special_tokens: false,
    }).ids;
  }

  /**
   * Text of `ids`; bytes that are not UTF-8 become U+FFFD.
   *
   * @throws {RangeError} If an id is not a natural number.
   */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const decoder = new StreamDecoder(this, options);
    return decoder.push(ids) + decoder.end();
  }

  /**
   * The exact bytes that token `id` stands for.
   *
   * Models pad their embedding, so an id may be sampled that no token has: it stands for nothing.
   *
   * @throws {RangeError} If the id is not a natural number.
   */
  tokenBytes(id: number): Uint8Array {
    if (!Number.isInteger(id) || id < 0) {
      throw new RangeError(`A token id is a natural number, got ${id}`);
    }
    return this.#bytes[id] ?? NO_BYTES;
  }

  /**
   * Text of token `id`, where its bytes are whole characters; undefined where they are not.
   *
   * @throws {RangeError} If the id is not a natural number.
   */
  wholeText(id: number): string | undefined {
    const known = this.#texts[id];
    if (known !== undefined) return known ?? undefined;
    const bytes = this.tokenBytes(id);
    if (bytes.length === 0) return "";
    return (this.#texts[id] = textOf(bytes)) ?? undefined;
  }

  /** Id of the token written `token` in `tokenizer.json`, special or not. */
  tokenId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** Whether `id` is one of the special tokens. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  #eosToken(config: JsonObject, source: string): number[] {
    const token = tokenText(config.eos_token);
    if (token === undefined) return [];
    const id = this.#ids.get(token);
    if (id === undefined) {
      throw new ModelError(
        `${source} has no token ${
          JSON.stringify(token)
        }, which tokenizer_config.json names as eos_token`,
      );
    }
    return [id];
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NO_BYTES = new Uint8Array(0);

interface AddedToken {
  readonly content: string;
  readonly id: number;
  readonly special: boolean;
}

/** Options of a BPE model that change its ids and are not supported. */
const REFUSED_OPTIONS = [
  "dropout",
  "continuing_subword_prefix",
  "end_of_word_suffix",
  "byte_fallback",
];

function checkVocab(
  json: JsonObject,
  source: string,
): Readonly<Record<string, number>> {
  const model = json.model;
  if (!isObject(model) || !isObject(model.vocab)) {
    throw new ModelError(`${source}: model.vocab is missing`);
  }
  // Files written before the type was recorded leave it out; of all models only BPE has merges.
  const hasMerges = Array.isArray(model.merges);
  if (!hasMerges || (model.type ?? "BPE") !== "BPE") {
    throw new ModelError(
      `${source}: model.type is ${
        JSON.stringify(model.type)
      }; only BPE with merges is supported`,
    );
  }
  if (!usesByteLevel(json.decoder)) {
    throw new ModelError(
      `${source}: the decoder is not ByteLevel; only byte-level BPE is supported`,
    );
  }
  for (const option of REFUSED_OPTIONS) {
    if (model[option]) {
      throw new ModelError(`${source}: model.${option} is not supported`);
    }
  }
  for (const [token, id] of Object.entries(model.vocab)) {
    checkId(id, `${source}: model.vocab[${JSON.stringify(token)}]`);
  }
  return model.vocab as Record<string, number>;
}

function usesByteLevel(decoder: unknown): boolean {
  if (!isObject(decoder)) return false;
  if (decoder.type === "ByteLevel") return true;
  return decoder.type === "Sequence" && Array.isArray(decoder.decoders) &&
    decoder.decoders.length === 1 && usesByteLevel(decoder.decoders[0]);
}

function checkAddedTokens(json: JsonObject, source: string): AddedToken[] {
  const list = json.added_tokens ?? [];
  if (!Array.isArray(list)) {
    throw new ModelError(`${source}: added_tokens must be a list`);
  }
  return list.map((token: unknown, i) => {
    if (!isObject(token) || typeof token.content !== "string") {
      throw new ModelError(`${source}: added_tokens[${i}].content is missing`);
    }
    checkId(token.id, `${source}: added_tokens[${i}].id`);
    if (token.single_word === true) {
      throw new ModelError(
        `${source}: added_tokens[${i}].single_word is not supported`,
      );
    }
    return {
      content: token.content,
      id: token.id as number,
      special: token.special === true,
    };
  });
}

function checkId(id: unknown, where: string): void {
  // No vocabulary comes near 2^24; a larger id would make the table of bytes huge.
  if (
    !Number.isInteger(id) || (id as number) < 0 || (id as number) >= 2 ** 24
  ) {
    throw new ModelError(`${where} is not a token id: ${JSON.stringify(id)}`);
  }
}

/** The text of bytes that are UTF-8; null of others. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}

/** Bytes by id; added tokens stand for their own text, the others for their byte stand-ins. */
function tokenBytes(
  vocab: Readonly<Record<string, number>>,
  added: readonly AddedToken[],
): (Uint8Array | undefined)[] {
  const utf8 = new TextEncoder();
  const table: (Uint8Array | undefined)[] = [];
  for (const [token, id] of Object.entries(vocab)) {
    table[id] = byteLevelToBytes(token) ?? utf8.encode(token);
  }
  for (const { content, id } of added) table[id] = utf8.encode(content);
  return table;
}
