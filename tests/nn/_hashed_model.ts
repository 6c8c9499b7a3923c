import { type ModelConfig, parameterShapes } from "../../src/model/mod.ts";
import type { HostTensor } from "../../src/nn/policy.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { hashed } from "../gpu/_hashed.ts";

/** A small Qwen3: normalised heads, grouped queries, tied head. */
export const SMALL_SHAPE: TransformerShape = {
  layers: 2,
  hiddenSize: 20,
  heads: 4,
  kvHeads: 2,
  headDim: 8,
  feedForward: 28,
  vocabSize: 70,
  normEpsilon: 1e-5,
  ropeTheta: 10_000,
  maxPositions: 256,
  qkNorm: true,
  attentionBias: false,
  tieEmbeddings: true,
};

/** Weights that depend on nothing but names and shapes, as `tests/golden/transformers/make.py` has them. */
export function hashedWeights(shape: TransformerShape): HostTensor[] {
  const config = { outputBias: false, ...shape } as ModelConfig;
  return [...parameterShapes(config)].map(([name, sizes]) => ({
    name,
    shape: sizes,
    data: hashedTensor(name, sizes),
  }));
}

/** Gains about 1, biases about 0, matrices that keep their input's size. */
function hashedTensor(name: string, shape: readonly number[]): Float32Array {
  const count = shape.reduce((product, size) => product * size, 1);
  if (name.endsWith("bias")) return hashed(name, count, 0.25);
  if (shape.length === 1) return hashed(name, count, 0.5).map((x) => 1 + x);
  return hashed(name, count, 1.5 / Math.sqrt(shape[1]!));
}
