import type { TransformerShape } from "./shape.ts";

/**
 * Cosine and sine of every position and pair of a head, `[maxPositions, HD / 2, 2]` (RoPE, arXiv 2104.09864).
 *
 * Angles are rounded to float32 before the cosine is taken, as PyTorch does.
 */
export function rotaryTable(
  { headDim, ropeTheta, maxPositions }: TransformerShape,
): Float32Array {
  const pairs = headDim / 2;
  const table = new Float32Array(maxPositions * pairs * 2);
  for (let pair = 0; pair < pairs; pair++) {
    const frequency = Math.fround(
      1 / Math.fround(ropeTheta ** (2 * pair / headDim)),
    );
    for (let position = 0; position < maxPositions; position++) {
      const angle = Math.fround(position * frequency);
      table[(position * pairs + pair) * 2] = Math.cos(angle);
      table[(position * pairs + pair) * 2 + 1] = Math.sin(angle);
    }
  }
  return table;
}
