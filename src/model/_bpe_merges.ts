import { Heap } from "./_heap.ts";

/** Ids stay below 2^26, so that a pair of them is one exact number. */
const PAIR_BASE = 2 ** 26;

/** One learned merge: two tokens, by id, and the token they become. */
export interface Merge {
  readonly left: number;
  readonly right: number;
  readonly merged: number;
}

/** What `learnMerges` starts from. */
export interface LearnMergesOptions {
  /** Token texts by id; merged tokens are appended to it. */
  readonly tokens: string[];
  /** Number of tokens to stop at. */
  readonly size: number;
}

/**
 * Byte-pair encoding (arXiv 1508.07909): joins the most frequent pair of neighbours over and over,
 * the pair of smallest ids among equally frequent ones, as Hugging Face's trainer does.
 *
 * @param words Distinct pretokens, written in characters of `options.tokens`, and their counts.
 */
export function learnMerges(
  words: ReadonlyMap<string, number>,
  options: LearnMergesOptions,
): Merge[] {
  const { tokens, size } = options;
  const idOf = new Map(tokens.map((token, id) => [token, id]));
  const spelled = [...words.keys()].map((word) =>
    Array.from(word, (char) => idOf.get(char)!)
  );
  const frequency = [...words.values()];
  const pairs = new PairTable();
  spelled.forEach((ids, word) =>
    pairs.add(ids, { word, by: frequency[word]! })
  );
  pairs.enqueue();

  const merges: Merge[] = [];
  const learned = new Set<number>();
  while (tokens.length < size) {
    const pair = pairs.popMostFrequent();
    if (pair === undefined) break;
    const left = Math.floor(pair / PAIR_BASE);
    const right = pair % PAIR_BASE;
    const text = tokens[left]! + tokens[right]!;
    // Two merges can spell the same token ("ab"+"c", "a"+"bc"): it keeps its first id, and a pair
    // that holds it may come up again, for which the first merge already stands.
    const merged = idOf.get(text) ?? tokens.push(text) - 1;
    idOf.set(text, merged);
    if (!learned.has(pair)) merges.push({ left, right, merged });
    learned.add(pair);
    for (const word of pairs.wordsWith(pair)) {
      const before = spelled[word]!;
      const after = joined(before, { left, right, merged });
      pairs.add(before, { word, by: -frequency[word]! });
      pairs.add(after, { word, by: frequency[word]! });
      spelled[word] = after;
    }
    pairs.enqueue(merged);
  }
  return merges;
}

/** A pair of adjacent tokens and how often it stood in the corpus when it was pushed. */
interface PairCount {
  /** Ordered as its two ids are. */
  readonly pair: number;
  readonly count: number;
}

/** The most frequent pair comes first and, among equals, the smallest. */
function isMoreFrequent(a: PairCount, b: PairCount): boolean {
  return a.count > b.count || (a.count === b.count && a.pair < b.pair);
}

/** How often each pair of neighbours stands in the corpus, and in which words it may be found. */
class PairTable {
  readonly #counts = new Map<number, number>();
  readonly #words = new Map<number, Set<number>>();
  readonly #heap = new Heap(isMoreFrequent);
  readonly #grown = new Set<number>();

  /** Counts the pairs of a word `by` times more, or fewer. */
  add(
    ids: readonly number[],
    { word, by }: { readonly word: number; readonly by: number },
  ): void {
    for (let i = 1; i < ids.length; i++) {
      const pair = ids[i - 1]! * PAIR_BASE + ids[i]!;
      this.#counts.set(pair, (this.#counts.get(pair) ?? 0) + by);
      if (by < 0) continue;
      this.#grown.add(pair);
      const words = this.#words.get(pair);
      if (words) words.add(word);
      else this.#words.set(pair, new Set([word]));
    }
  }

  /** Queues the pairs counted since the last call; with an id, only those that hold it. */
  enqueue(id?: number): void {
    for (const pair of this.#grown) {
      const holdsId = id === undefined || pair % PAIR_BASE === id ||
        Math.floor(pair / PAIR_BASE) === id;
      // The other pairs of a rewritten word are as frequent as before, or less: still queued.
      if (holdsId) this.#heap.push({ pair, count: this.#counts.get(pair)! });
    }
    this.#grown.clear();
  }

  /** Removes and returns the most frequent pair; undefined when no pair is left. */
  popMostFrequent(): number | undefined {
    for (let top = this.#heap.pop(); top; top = this.#heap.pop()) {
      const { pair, count } = top;
      const now = this.#counts.get(pair)!;
      if (now === count && now > 0) return pair;
      // Counts that fell since the push are corrected here, at the first look.
      if (now > 0 && now < count) this.#heap.push({ pair, count: now });
    }
    return undefined;
  }

  /** Words that hold the pair, or held it once; they are forgotten. */
  wordsWith(pair: number): ReadonlySet<number> {
    const words = this.#words.get(pair)!;
    this.#words.delete(pair);
    return words;
  }
}

/** `ids` with each occurrence of a merge's pair, from the left, replaced. */
function joined(ids: readonly number[], merge: Merge): number[] {
  const result: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === merge.left && ids[i + 1] === merge.right) {
      result.push(merge.merged);
      i++;
    } else {
      result.push(ids[i]!);
    }
  }
  return result;
}
