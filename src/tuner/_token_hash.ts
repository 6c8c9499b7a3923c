/**
 * Identity of a token sequence, grown id by id, so that two prompts are compared in O(new tokens).
 *
 * Two MurmurHash3 lanes of 32 bits and the length: within one episode, different sequences do not
 * meet by accident.
 */
export class TokenHash {
  /** No tokens at all. */
  static readonly empty: TokenHash = new TokenHash(0x9747b28c, 0x3c6ef372, 0);
  readonly #a: number;
  readonly #b: number;
  readonly #length: number;

  private constructor(a: number, b: number, length: number) {
    this.#a = a;
    this.#b = b;
    this.#length = length;
  }

  /** Identity of this sequence with `ids` after it. */
  after(ids: readonly number[]): TokenHash {
    let a = this.#a;
    let b = this.#b;
    for (const id of ids) {
      a = mix(a, id);
      b = mix(b, id ^ 0x5bd1e995);
    }
    return new TokenHash(a, b, this.#length + ids.length);
  }

  /** Equal for equal sequences. */
  get key(): string {
    return `${this.#length}:${this.#a >>> 0}:${this.#b >>> 0}`;
  }
}

/**
 * Bits drawn from `parts` alone: equal parts give equal bits on every machine.
 *
 * @returns Lower-case hexadecimal, 32 digits.
 */
export function digest(...parts: readonly (string | number)[]): string {
  const text = JSON.stringify(parts);
  let hex = "";
  for (let lane = 0; lane < 4; lane++) {
    let hash = Math.imul(lane + 1, 0x9e3779b1);
    for (let i = 0; i < text.length; i++) hash = mix(hash, text.charCodeAt(i));
    hex += (finish(hash) >>> 0).toString(16).padStart(8, "0");
  }
  return hex;
}

/** One step of MurmurHash3 (32 bit). */
function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64 | 0;
}

/** MurmurHash3's last step, which spreads every bit over the whole word. */
function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
