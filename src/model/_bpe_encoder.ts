import { ModelError } from "../errors.ts";
import { checkId } from "./_added_tokens.ts";
import { isObject, type JsonObject } from "./_files.ts";
import { Heap } from "./_heap.ts";

/** Ids stay below 2^24, so that a pair of them is one exact number. */
const ID_BASE = 2 ** 24;
/** Code points stay below 2^21. */
const CODE_BASE = 2 ** 21;
/** No text has so many characters; ranks of merges stay below 2^24. */
const PLACE_BASE = 2 ** 29;

/** Words whose ids are kept at hand, and how long they may be. */
const CACHED_WORDS = 20_000;
const LONGEST_CACHED = 64;

/**
 * Byte-pair encoding over characters, with bytes for those that have no token, as the BPE model of Hugging Face
 * `tokenizers` does it: of all pairs of neighbours that a merge joins, the first of the lowest rank is joined next.
 *
 * A text of `n` characters takes `n log n` steps, and less where no merge can join what stands side by side in it.
 */
export class BpeEncoder {
  readonly #vocab: ReadonlyMap<string, number>;
  /** Ranks of merges by the pair that they join. */
  readonly #ranks = new Map<number, number>();
  /** What each merge makes of its pair, by rank. */
  readonly #merged: number[] = [];
  /** Characters that have a token. */
  readonly #characters = new Set<number>();
  /** Characters that stand side by side in what some merge makes. */
  readonly #neighbours = new Set<number>();
  /** Ids of the 256 bytes, as far as they have tokens. */
  readonly #bytes: readonly (number | undefined)[];
  readonly #unknown: number | undefined;
  readonly #fusesUnknown: boolean;
  readonly #ignoresMerges: boolean;
  readonly #cache = new Map<string, readonly number[]>();

  /** @throws {ModelError} If merges or the unknown token are malformed, or speak of tokens that are not there. */
  constructor(model: JsonObject, source: string) {
    this.#vocab = new Map(
      Object.entries(model.vocab as Record<string, number>),
    );
    this.#bytes = model.byte_fallback ? byteIds(this.#vocab) : [];
    this.#unknown = this.#unknownId(model.unk_token, source);
    this.#fusesUnknown = model.fuse_unk === true;
    this.#ignoresMerges = model.ignore_merges === true;
    for (const token of this.#vocab.keys()) {
      const [character, more] = token;
      if (character !== undefined && more === undefined) {
        this.#characters.add(character.codePointAt(0)!);
      }
    }
    for (const [rank, merge] of (model.merges as unknown[]).entries()) {
      this.#addMerge(merge, rank, `${source}: model.merges[${rank}]`);
    }
  }

  /** Ids of a text, all of which may be joined, added to `ids`. */
  encode(text: string, ids: number[]): void {
    const whole = this.#ignoresMerges ? this.#vocab.get(text) : undefined;
    if (whole !== undefined) {
      ids.push(whole);
      return;
    }
    let start = 0;
    let before: number | undefined;
    for (let at = 0; at < text.length;) {
      const code = text.codePointAt(at)!;
      if (before !== undefined && this.#parts(before, code)) {
        this.#encodeWord(text.slice(start, at), ids);
        start = at;
      }
      before = code;
      at += code > 0xffff ? 2 : 1;
    }
    this.#encodeWord(text.slice(start), ids);
  }

  /** Whether no merge can join anything across two neighbours; unknown characters may be fused. */
  #parts(left: number, right: number): boolean {
    return this.#characters.has(left) && this.#characters.has(right) &&
      !this.#neighbours.has(left * CODE_BASE + right);
  }

  #encodeWord(word: string, ids: number[]): void {
    let found = this.#cache.get(word);
    if (found === undefined) {
      found = this.#join(this.#spell(word));
      if (word.length <= LONGEST_CACHED) {
        if (this.#cache.size === CACHED_WORDS) this.#cache.clear();
        this.#cache.set(word, found);
      }
    }
    for (const id of found) ids.push(id);
  }

  /** Ids of the characters of a word. */
  #spell(word: string): number[] {
    const ids: number[] = [];
    let pending = false;
    for (const character of word) {
      const id = this.#vocab.get(character);
      if (id !== undefined) {
        // Hugging Face's order: an unknown character is written once a known one or the end has come.
        if (pending) ids.push(this.#unknown!);
        pending = false;
        ids.push(id);
        continue;
      }
      const bytes = this.#bytesOf(character);
      if (bytes !== undefined) {
        ids.push(...bytes);
      } else if (this.#unknown !== undefined) {
        if (pending && !this.#fusesUnknown) ids.push(this.#unknown);
        pending = true;
      }
    }
    if (pending) ids.push(this.#unknown!);
    return ids;
  }

  /** Ids of a character's bytes; undefined where one has none. */
  #bytesOf(character: string): number[] | undefined {
    if (this.#bytes.length === 0) return undefined;
    const ids = Array.from(UTF8.encode(character), (byte) => this.#bytes[byte]);
    return ids.includes(undefined) ? undefined : ids as number[];
  }

  /** Joins pairs of neighbours until no merge is left. */
  #join(ids: number[]): number[] {
    const count = ids.length;
    const next = Int32Array.from({ length: count }, (_, at) => at + 1);
    const previous = Int32Array.from({ length: count }, (_, at) => at - 1);
    const queue = new Heap<number>(isLess);

    const rankAt = (at: number) =>
      next[at]! < count
        ? this.#ranks.get(ids[at]! * ID_BASE + ids[next[at]!]!)
        : undefined;
    const enqueue = (at: number) => {
      const rank = at < 0 ? undefined : rankAt(at);
      if (rank !== undefined) queue.push(rank * PLACE_BASE + at);
    };

    for (let at = 0; at < count; at++) enqueue(at);
    for (let top = queue.pop(); top !== undefined; top = queue.pop()) {
      const at = top % PLACE_BASE;
      const merged = this.#merged[Math.floor(top / PLACE_BASE)]!;
      if (ids[at] === JOINED) continue;
      // The pair that was queued may be another one by now.
      const rank = rankAt(at);
      if (rank === undefined || this.#merged[rank] !== merged) continue;
      const right = next[at]!;
      ids[at] = merged;
      ids[right] = JOINED;
      next[at] = next[right]!;
      if (next[at]! < count) previous[next[at]!] = at;
      enqueue(previous[at]!);
      enqueue(at);
    }
    return ids.filter((id) => id !== JOINED);
  }

  #unknownId(token: unknown, source: string): number | undefined {
    if (token === undefined || token === null) return undefined;
    const id = this.#vocab.get(token as string);
    if (id !== undefined) return id;
    throw new ModelError(
      `${source}: model.unk_token is ${
        JSON.stringify(token)
      }, which model.vocab does not have`,
    );
  }

  #addMerge(merge: unknown, rank: number, where: string): void {
    const parts: unknown = typeof merge === "string" ? merge.split(" ") : merge;
    const [left, right] = Array.isArray(parts) && parts.length === 2
      ? parts as [string, string]
      : [undefined, undefined];
    const merged = `${left}${right}`;
    const ids = [left, right, merged].map((token) => this.#vocab.get(token!));
    if (left === undefined || ids.includes(undefined)) {
      throw new ModelError(
        `${where} does not join two tokens to a third of model.vocab: ${
          JSON.stringify(merge)
        }`,
      );
    }
    this.#merged.push(ids[2]!);
    this.#ranks.set(ids[0]! * ID_BASE + ids[1]!, rank);
    let before: number | undefined;
    for (const character of merged) {
      const code = character.codePointAt(0)!;
      if (before !== undefined) {
        this.#neighbours.add(before * CODE_BASE + code);
      }
      before = code;
    }
  }
}

/** Stands where a symbol was joined to the one before it. */
const JOINED = -1;

const UTF8 = new TextEncoder();

/** Checks that each token of a vocabulary has an id. */
export function checkVocab(
  vocab: unknown,
  source: string,
): Readonly<Record<string, number>> {
  if (!isObject(vocab)) {
    throw new ModelError(`${source}: model.vocab is missing`);
  }
  for (const [token, id] of Object.entries(vocab)) {
    checkId(id, `${source}: model.vocab[${JSON.stringify(token)}]`);
  }
  return vocab as Record<string, number>;
}

function isLess(a: number, b: number): boolean {
  return a < b;
}

function byteIds(vocab: ReadonlyMap<string, number>): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) => {
    const digits = byte.toString(16).toUpperCase().padStart(2, "0");
    return vocab.get(`<0x${digits}>`);
  });
}
