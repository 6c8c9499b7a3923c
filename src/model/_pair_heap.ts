/** A pair of adjacent tokens and how often it stood in the corpus when it was pushed. */
export interface PairCount {
  /** The pair, as `_bpe_merges.ts` packs it: ordered as its two ids are. */
  readonly pair: number;
  readonly count: number;
}

/** A binary heap that pops the most frequent pair first and, among equals, the smallest. */
export class PairHeap {
  readonly #items: PairCount[] = [];

  push(item: PairCount): void {
    const items = this.#items;
    let at = items.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(item, items[parent]!)) break;
      items[at] = items[parent]!;
      at = parent;
    }
    items[at] = item;
  }

  pop(): PairCount | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    let at = 0;
    while (2 * at + 1 < items.length) {
      let child = 2 * at + 1;
      if (
        child + 1 < items.length && before(items[child + 1]!, items[child]!)
      ) child++;
      if (!before(items[child]!, last)) break;
      items[at] = items[child]!;
      at = child;
    }
    items[at] = last;
    return first;
  }
}

function before(a: PairCount, b: PairCount): boolean {
  return a.count > b.count || (a.count === b.count && a.pair < b.pair);
}
