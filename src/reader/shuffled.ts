import { deriveSeed } from "./derive_seed.ts";

/** A copy of `items` in an order that depends on `seed` and their number alone (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const copy = [...items];
  for (let last = copy.length - 1; last > 0; last--) {
    // A 32-bit draw scaled to the range: its bias, at most last / 2^32, is beyond notice.
    const other = Math.floor(deriveSeed([seed, last]) / 2 ** 32 * (last + 1));
    [copy[last], copy[other]] = [copy[other]!, copy[last]!];
  }
  return copy;
}
