import type { GemmPlanner } from "../gpu/mod.ts";
import { Decoder } from "./decoder.ts";
import { GpuPolicy } from "./gpu_policy.ts";
import type { OpenArguments } from "./protocol.ts";

/** A model on this thread's GPU: what is trained, and what decodes with the same weights. */
export interface OpenedModel {
  readonly policy: GpuPolicy;
  readonly decoder: Decoder;
}

/**
 * Puts a model on the GPU, with all the memory that it will need: what cannot be held is told now, not after the first
 * rollout.
 */
export function openModel(
  planner: GemmPlanner,
  options: OpenArguments,
): OpenedModel {
  const { shape, weights, trained, reference = false } = options;
  const policy = new GpuPolicy(planner, shape, weights, options);
  if (trained) policy.prepare({ reference });
  const decoder = new Decoder(planner, shape, policy.weights, options.decoder);
  return { policy, decoder };
}
