import {
  type Generation,
  openWebGpu,
  type OpenWebGpuOptions,
  type Sampling,
  type WebGpu,
} from "../../src/engine/mod.ts";
import { hashedIntegers } from "../gpu/_hashed.ts";
import { hashedWeights, SMALL_SHAPE } from "../nn/_hashed_model.ts";

/** Unfiltered sampling at temperature 1. */
export const SAMPLING: Sampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  seed: 1,
  maxTokens: 20,
  stopTokens: [],
};

/** Opens the small model: 16 sequences of at most 100 tokens, 128 nodes. */
export function openSmall(
  options: Partial<OpenWebGpuOptions> = {},
): Promise<WebGpu> {
  return openWebGpu({
    shape: SMALL_SHAPE,
    weights: hashedWeights(SMALL_SHAPE),
    name: "small",
    maxNodes: 128,
    maxBatch: 16,
    maxContext: 100,
    stepsPerSubmission: 4,
    ...options,
  });
}

/** The small model for all tests of a file, closed after the last. */
export async function sharedSmall(
  options: Partial<OpenWebGpuOptions> = {},
): Promise<WebGpu> {
  const small = await openSmall(options);
  Deno.test.afterAll(async () => await small[Symbol.asyncDispose]());
  return small;
}

/** Some prompt. */
export function prompt(name: string, length: number): number[] {
  return [...hashedIntegers(name, length, SMALL_SHAPE.vocabSize)];
}

/** Generates with {@linkcode SAMPLING}, changed. */
export function sample(
  { engine }: WebGpu,
  tokens: readonly number[],
  sampling: Partial<Sampling> = {},
): Promise<Generation> {
  return engine.generate({ tokens, sampling: { ...SAMPLING, ...sampling } });
}
