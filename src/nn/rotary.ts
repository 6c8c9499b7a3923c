import type { RopeScaling } from "../model/mod.ts";
import type { TransformerShape } from "./shape.ts";

/**
 * Cosine and sine of every position and pair of a head, `[maxPositions, HD / 2, 2]` (RoPE, arXiv
 * 2104.09864).
 *
 * Angles are rounded to float32 before the cosine is taken, as PyTorch does.
 */
export function rotaryTable(
  { headDim, ropeTheta, ropeScaling, maxPositions }: TransformerShape,
): Float32Array {
  const pairs = headDim / 2;
  const table = new Float32Array(maxPositions * pairs * 2);
  const size = ropeScaling?.kind === "yarn" ? ropeScaling.attentionFactor : 1;
  for (let pair = 0; pair < pairs; pair++) {
    const plain = Math.fround(
      1 / Math.fround(ropeTheta ** (2 * pair / headDim)),
    );
    const frequency = ropeScaling
      ? Math.fround(scaled(plain, pair, { headDim, ropeTheta, ropeScaling }))
      : plain;
    for (let position = 0; position < maxPositions; position++) {
      const angle = Math.fround(position * frequency);
      table[(position * pairs + pair) * 2] = Math.cos(angle) * size;
      table[(position * pairs + pair) * 2 + 1] = Math.sin(angle) * size;
    }
  }
  return table;
}

/** A pair's frequency under the model's scaling. */
function scaled(
  frequency: number,
  pair: number,
  { headDim, ropeTheta, ropeScaling }: {
    readonly headDim: number;
    readonly ropeTheta: number;
    readonly ropeScaling: RopeScaling;
  },
): number {
  switch (ropeScaling.kind) {
    case "linear":
      return frequency / ropeScaling.factor;
    case "llama3": {
      const { factor, lowFreqFactor, highFreqFactor, originalMaxPositions } =
        ropeScaling;
      // Turns within the original context: many stay as they are, few are stretched.
      const turns = originalMaxPositions * frequency / (2 * Math.PI);
      const kept = clamp(
        (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor),
      );
      return (1 - kept) * frequency / factor + kept * frequency;
    }
    case "yarn": {
      const { factor, originalMaxPositions, betaFast, betaSlow, truncate } =
        ropeScaling;
      /** The pair, as a real number, that makes `turns` turns within the original context. */
      const pairOf = (turns: number) =>
        headDim * Math.log(originalMaxPositions / (turns * 2 * Math.PI)) /
        (2 * Math.log(ropeTheta));
      const [fast, slow] = [pairOf(betaFast), pairOf(betaSlow)];
      const low = Math.max(truncate ? Math.floor(fast) : fast, 0);
      const high = Math.min(truncate ? Math.ceil(slow) : slow, headDim - 1);
      // A range of nothing would divide by zero; transformers widens it by a thousandth.
      const width = low === high ? 0.001 : high - low;
      const stretched = clamp((pair - low) / width);
      return stretched * frequency / factor + (1 - stretched) * frequency;
    }
    default:
      return ropeScaling satisfies never;
  }
}

function clamp(value: number): number {
  return Math.min(1, Math.max(0, value));
}
