/**
 * Folds integers, such as run seed, step and index, into one well-mixed 32-bit seed.
 *
 * Each part goes through MurmurHash3's 32-bit finaliser, so neighbouring indices give unrelated
 * seeds and the order of the parts matters.
 */
export function deriveSeed(parts: readonly number[]): number {
  let seed = 0x9e3779b9;
  for (const part of parts) {
    // The high half keeps seeds beyond 32 bits apart.
    seed = finalise(seed ^ (part | 0));
    seed = finalise(seed + Math.floor(part / 2 ** 32));
  }
  return seed;
}

function finalise(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
