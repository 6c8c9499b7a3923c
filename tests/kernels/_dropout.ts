import { philox } from "./_philox.ts";

/** Which mask: what the counters of dropout.wgsl are made of. */
export interface MaskPlace {
  readonly seed: number;
  readonly step: number;
  readonly pass: number;
  readonly stream: number;
}

/** What dropout.wgsl multiplies with, `[rows, N]`: 1 / (1 − p) where the place's word is at least ⌊p · 2³²⌋, else 0. */
export function dropoutMask(
  rows: number,
  { N, p, seed, step, pass, stream }: MaskPlace & {
    readonly N: number;
    readonly p: number;
  },
): Float64Array {
  const threshold = Math.floor(p * 2 ** 32);
  const mask = new Float64Array(rows * N);
  for (let at = 0; at < mask.length; at += 4) {
    const [row, column] = [Math.floor(at / N), at % N];
    philox([column / 4, row, stream, pass], [seed, step]).forEach((word, i) => {
      mask[at + i] = word >= threshold ? 1 / (1 - p) : 0;
    });
  }
  return mask;
}
