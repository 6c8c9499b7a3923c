/**
 * Numbers in [−scale, scale) that depend on nothing but a name: the same here and in
 * `tests/golden/transformers/make.py`, so that weights need not be stored.
 */
export function hashed(name: string, count: number, scale = 1): Float32Array {
  const seed = fnv1a(name);
  return Float32Array.from({ length: count }, (_, i) => {
    const x = mix((seed + Math.imul(i, 0x9e3779b9)) >>> 0);
    return Math.fround(scale) * ((x >>> 8) / 2 ** 23 - 1);
  });
}

/** Integers in 0 … below − 1 that depend on nothing but a name. */
export function hashedIntegers(
  name: string,
  count: number,
  below: number,
): Uint32Array {
  return Uint32Array.from(
    hashed(name, count),
    (x) => Math.floor((x + 1) / 2 * below),
  );
}

/** FNV-1a over the name's UTF-16 units (ASCII in use). */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** Wellons' lowbias32. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}
