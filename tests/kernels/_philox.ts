/** Philox4x32-10 (Salmon et al., SC 2011) in 64-bit integers: four words for a counter of four under a key of two. */
export function philox(
  counter: readonly number[],
  key: readonly number[],
): number[] {
  const WORD = 0xffff_ffffn;
  let [c0, c1, c2, c3] = counter.map(BigInt) as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  let [k0, k1] = key.map(BigInt) as [bigint, bigint];
  for (let round = 0; round < 10; round++) {
    const [a, b] = [0xd251_1f53n * c0, 0xcd9e_8d57n * c2];
    [c0, c1, c2, c3] = [
      (b >> 32n) ^ c1 ^ k0,
      b & WORD,
      (a >> 32n) ^ c3 ^ k1,
      a & WORD,
    ];
    [k0, k1] = [(k0 + 0x9e37_79b9n) & WORD, (k1 + 0xbb67_ae85n) & WORD];
  }
  return [c0, c1, c2, c3].map(Number);
}
