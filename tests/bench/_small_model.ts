import { GemmPlanner, Gpu, planFile } from "../../src/gpu/mod.ts";
import type { StepOptions } from "../../src/nn/policy.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";

/** The 0.98-million-parameter decoder that the measurements of this project are made on. */
export const SHAPE: TransformerShape = {
  layers: 4,
  hiddenSize: 128,
  heads: 4,
  kvHeads: 4,
  headDim: 32,
  feedForward: 384,
  vocabSize: 512,
  normEpsilon: 1e-6,
  ropeTheta: 10_000,
  maxPositions: 512,
  qkNorm: false,
  attentionBias: false,
  tieEmbeddings: false,
};

/** A step with clipping. */
export const STEP: StepOptions = {
  learningRate: 1e-4,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};

/** Runs `fn` with the GPU and its plans. */
export async function withPlanner<T>(
  fn: (planner: GemmPlanner) => Promise<T>,
): Promise<T> {
  using gpu = await Gpu.open();
  return await fn(await GemmPlanner.open(gpu, planFile()));
}
