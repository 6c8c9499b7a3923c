import {
  GemmPlanner,
  planFile,
  type RequestDeviceOptions,
} from "../../src/gpu/mod.ts";
import { GpuPolicy, type GpuPolicyOptions } from "../../src/nn/gpu_policy.ts";
import type {
  ScoreGradients,
  StepOptions,
  TreeInput,
  WeightTensor,
} from "../../src/nn/policy.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { hashed } from "../gpu/_hashed.ts";
import { testGpu } from "../gpu/_test_gpu.ts";
import { type Forest, randomForest } from "./_forest.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";

/** A GPU for all tests of a file, with its products planned. */
export async function testPlanner(
  options?: RequestDeviceOptions,
): Promise<GemmPlanner> {
  return await GemmPlanner.open(await testGpu(options), planFile());
}

/** A step of AdamW that neither decays nor clips. */
export const PLAIN_STEP: StepOptions = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 0,
};

/** What a test's policy is made of. */
export interface TestPolicyOptions extends Partial<GpuPolicyOptions> {
  /** @default SMALL_SHAPE */
  readonly shape?: TransformerShape;
  /** @default hashedWeights(shape) */
  readonly weights?: readonly WeightTensor[];
}

/** A policy with hashed weights for 128 nodes. */
export function testPolicy(
  planner: GemmPlanner,
  options: TestPolicyOptions = {},
): GpuPolicy {
  const { shape = SMALL_SHAPE, weights = hashedWeights(shape), ...rest } =
    options;
  return new GpuPolicy(planner, shape, weights, {
    maxNodes: 128,
    trained: true,
    ...rest,
  });
}

/** The gradients as they stand, by name. */
export async function gradientsOf(
  policy: GpuPolicy,
): Promise<ReadonlyMap<string, Float32Array>> {
  const tensors = await policy.parameters.read("gradients");
  return new Map(tensors.map(({ name, data }) => [name, data]));
}

/** Derivatives of a loss that is linear in the scores. */
export function derivativesOf(
  { targets }: TreeInput,
  name = "",
): ScoreGradients {
  return {
    logprob: hashed(`${name} by logprob`, targets.length),
    entropy: hashed(`${name} by entropy`, targets.length, 0.5),
  };
}

/** A forest all of whose nodes with a parent are targets at temperature 1. */
export function everyTarget(forest: Forest): TreeInput {
  const targets = Uint32Array.from(
    [...forest.parents.keys()].filter((node) => forest.parents[node]! >= 0),
  );
  return {
    ...forest,
    targets,
    temperature: new Float32Array(targets.length).fill(1),
  };
}

/** A random forest with some of its nodes as targets, some twice, at several temperatures. */
export function randomInput(
  name: string,
  nodes: number,
  vocabSize: number = SMALL_SHAPE.vocabSize,
): TreeInput {
  const all = everyTarget(randomForest(name, nodes, vocabSize));
  const picks = hashed(`${name}.picks`, Math.ceil(nodes * 0.8));
  const targets = Uint32Array.from(
    picks,
    (x) => all.targets[Math.floor((x + 1) / 2 * all.targets.length)]!,
  );
  return {
    ...all,
    targets,
    temperature: Float32Array.from(
      hashed(`${name}.warmth`, targets.length),
      (x) => x < -0.3 ? 0.5 : x < 0.3 ? 1 : 1.7,
    ),
  };
}
