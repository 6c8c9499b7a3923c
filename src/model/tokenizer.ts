import { ModelError } from "../errors.ts";
import { type AddedToken, checkAddedTokens } from "./_added_tokens.ts";
import { type Affixes, affixesOf } from "./_affixes.ts";
import { checkVocab } from "./_bpe_encoder.ts";
import { byteLevelScheme, usesByteLevel } from "./_byte_level_scheme.ts";
import { isObject, type JsonObject, tokenText } from "./_files.ts";
import { sentencePieceScheme } from "./_sentence_piece_scheme.ts";
import type { Before, TokenScheme } from "./_token_scheme.ts";
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

/** How text becomes token ids. */
export interface EncodeOptions {
  /**
   * Id of the token that the text follows. Tokenizers of the SentencePiece kind put a space before a text, and may put
   * one after an added token, but none within a text.
   *
   * @default undefined: nothing comes before the text
   */
  readonly after?: number | undefined;
}

/** How token ids become text. */
export interface DecodeOptions {
  /** Leaves special tokens out. @default false */
  readonly skipSpecialTokens?: boolean;
  /**
   * Whether the ids go on from a text. Where they do not, the space that a tokenizer of the SentencePiece kind put before
   * the text is left out.
   *
   * @default false
   */
  readonly continues?: boolean;
}

/**
 * A BPE tokenizer, byte-level or of the SentencePiece kind, that encodes as Hugging Face `tokenizers` does.
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
  readonly #scheme: TokenScheme;
  readonly #added: ReadonlyMap<number, AddedToken>;
  readonly #tokens: readonly (string | undefined)[];
  readonly #bytes: readonly (Uint8Array | undefined)[];
  /** What `wholeText` was asked for; null where bytes are not whole characters. */
  readonly #texts: (string | null)[] = [];
  readonly #ids: ReadonlyMap<string, number>;
  readonly #specialIds: ReadonlySet<number>;
  readonly #affixes: Affixes;

  /**
   * Checks the tokenizer and builds its tables.
   *
   * @param json Contents of `tokenizer.json`.
   * @throws {ModelError} If it is no BPE tokenizer of the two kinds, has a part that is not supported, or is inconsistent.
   */
  constructor(json: JsonObject, options: TokenizerOptions = {}) {
    const { config = {}, eosIds = [], source = "tokenizer.json" } = options;
    const vocab = checkModel(json, source);
    const added = checkAddedTokens(json, source);
    this.#added = new Map(added.map((token) => [token.id, token]));
    this.#ids = new Map([
      ...Object.entries(vocab),
      ...added.map(({ content, id }) => [content, id] as const),
    ]);
    this.#scheme = usesByteLevel(json.decoder)
      ? byteLevelScheme(json, source)
      : sentencePieceScheme(json, { added, source });
    const tokens: (string | undefined)[] = [];
    for (const [token, id] of this.#ids) tokens[id] = token;
    for (const { content, id } of added) tokens[id] = content;
    this.#tokens = tokens;
    this.#bytes = Array.from(
      tokens,
      (token, id) =>
        token === undefined
          ? undefined
          : this.#scheme.bytesOf(token, this.#added.get(id)),
    );
    this.vocabSize = tokens.length;
    this.specialTokens = new Map(
      added.filter((token) => token.special).map(({ content, id }) => [
        content,
        id,
      ]),
    );
    this.#specialIds = new Set(this.specialTokens.values());
    this.#affixes = affixesOf(json.post_processor, source);
    this.eosIds = [...new Set([...eosIds, ...this.#eosToken(config, source)])];
  }

  /**
   * Token ids of `text`. Special tokens that stand in the text are recognised; none are added.
   * Lone surrogates, which UTF-8 cannot hold, become U+FFFD.
   */
  encode(text: string, { after }: EncodeOptions = {}): number[] {
    if (text === "") return [];
    return this.#scheme.encode(text.toWellFormed(), this.#before(after));
  }

  /**
   * Token ids of a text that stands by itself, within the special tokens that the tokenizer puts around one: what a model
   * that never saw a chat template was trained on. Chat templates write their own, so `encode` adds none.
   */
  encodeWhole(text: string): number[] {
    const { before, after } = this.#affixes;
    return [...before, ...this.encode(text), ...after];
  }

  /** Ids before a text that stands by itself, as a beginning-of-text token. */
  get opening(): readonly number[] {
    return this.#affixes.before;
  }

  /** A name for what `encode` makes of the token that a text follows: after alike ones, a text has the same ids. */
  placeAfter(id: number | undefined): string {
    return this.#scheme.placeAfter(this.#before(id));
  }

  /**
   * Text of `ids`; bytes that are not UTF-8 become U+FFFD, as the Encoding Standard has it. (With byte tokens Hugging Face
   * writes one for each byte of a run that is not UTF-8 as a whole, whole characters of it included.)
   *
   * @throws {RangeError} If an id is not a natural number.
   */
  decode(ids: readonly number[], options: DecodeOptions = {}): string {
    const decoder = new StreamDecoder(this, options);
    return decoder.push(ids) + decoder.end();
  }

  /**
   * The exact bytes that token `id` stands for within a text.
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
   * Text of token `id` within a text, where its bytes are whole characters; undefined where they are not.
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

  /**
   * Text of token `id` where it is the first of a text, as of `wholeText`.
   *
   * @throws {RangeError} If the id is not a natural number.
   */
  openingText(id: number): string | undefined {
    const whole = this.wholeText(id);
    const token = this.#tokens[id];
    return whole === undefined || token === undefined
      ? whole
      : this.#scheme.openingOf(token, whole);
  }

  /** Whether some of `ids` is no special token, so that what follows them goes on from a text. */
  hasText(ids: readonly number[]): boolean {
    return ids.some((id) => !this.#specialIds.has(id));
  }

  /** Id of the token written `token` in `tokenizer.json`, special or not. */
  tokenId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  /** Whether `id` is one of the special tokens. */
  isSpecial(id: number): boolean {
    return this.#specialIds.has(id);
  }

  #before(id: number | undefined): Before {
    return id === undefined ? undefined : this.#added.get(id) ?? "text";
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

/** Options of a BPE model that change its ids and are not supported. */
const REFUSED_OPTIONS = [
  "dropout",
  "continuing_subword_prefix",
  "end_of_word_suffix",
];

function checkModel(
  json: JsonObject,
  source: string,
): Readonly<Record<string, number>> {
  const model = json.model;
  if (!isObject(model)) {
    throw new ModelError(`${source}: model.vocab is missing`);
  }
  // Files written before the type was recorded leave it out; of all models only BPE has merges.
  const hasMerges = Array.isArray(model.merges);
  if (
    isObject(model.vocab) && (!hasMerges || (model.type ?? "BPE") !== "BPE")
  ) {
    throw new ModelError(
      `${source}: model.type is ${
        JSON.stringify(model.type)
      }; only BPE with merges is supported`,
    );
  }
  for (const option of REFUSED_OPTIONS) {
    if (model[option]) {
      throw new ModelError(`${source}: model.${option} is not supported`);
    }
  }
  return checkVocab(model.vocab, source);
}

/** The text of bytes that are UTF-8; null of others. */
function textOf(bytes: Uint8Array): string | null {
  try {
    return UTF8.decode(bytes);
  } catch {
    return null;
  }
}
