/** What a cache may hold. */
export interface LruCacheOptions<V> {
  /** Largest total size; the entries used longest ago go first. */
  readonly capacity: number;
  /** Size of an entry, in the unit of `capacity`. */
  readonly sizeOf: (key: string, value: V) => number;
}

/** Values computed from texts, kept while there is room for them. */
export class LruCache<V> {
  readonly #entries = new Map<string, V>();
  readonly #options: LruCacheOptions<V>;
  #size = 0;

  constructor(options: LruCacheOptions<V>) {
    this.#options = options;
  }

  /** The value kept for `key`, or else the one that `compute` gives. */
  get(key: string, compute: (key: string) => V): V {
    const { capacity, sizeOf } = this.#options;
    const kept = this.#entries.get(key);
    if (kept !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, kept);
      return kept;
    }
    const value = compute(key);
    const size = sizeOf(key, value);
    if (size > capacity) return value;
    this.#entries.set(key, value);
    this.#size += size;
    for (const [oldKey, old] of this.#entries) {
      if (this.#size <= capacity) break;
      this.#entries.delete(oldKey);
      this.#size -= sizeOf(oldKey, old);
    }
    return value;
  }
}
