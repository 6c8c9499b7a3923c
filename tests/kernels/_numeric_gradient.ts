/**
 * Central differences of `f` at `x`, in float64: the derivative by each entry that `entries` names.
 *
 * Good to about nine digits where `f` is smooth and of order one.
 */
export function numericGradient(
  f: (x: Float64Array) => number,
  x: ArrayLike<number>,
  entries: readonly number[] = Array.from({ length: x.length }, (_, i) => i),
): Float64Array {
  const at = Float64Array.from(x);
  return Float64Array.from(entries, (entry) => {
    const middle = at[entry]!, step = 1e-5;
    at[entry] = middle + step;
    const above = f(at);
    at[entry] = middle - step;
    const below = f(at);
    at[entry] = middle;
    return (above - below) / (2 * step);
  });
}

/** Σ a · b. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Places of some entries of an array, where a difference by each would take too long. */
export function someEntries(length: number): number[] {
  return Array.from({ length: 97 }, (_, i) => (i * 7919) % length);
}
