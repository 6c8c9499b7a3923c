import { z } from "../../deps/zod.ts";
import { type AlgorithmConfig, algorithmSchema } from "./algorithm.ts";
import { type LoraConfig, loraSchema } from "./lora.ts";

/** How the weights are updated. */
export interface TrainConfig {
  readonly backbone: "webgpu" | "debug";
  readonly steps: number;
  readonly method: "full" | "lora";
  readonly lora: LoraConfig;
  readonly algorithm: AlgorithmConfig;
  readonly learning_rate: number;
  readonly warmup_steps: number;
  readonly decay: "none" | "linear" | "cosine";
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  readonly weight_decay: number;
  readonly max_grad_norm: number;
  readonly epochs: number;
  readonly minibatches: number;
  readonly max_nodes: number;
  readonly recompute: "auto" | "always" | "never";
}

/** Schema of `train`. */
export const trainSchema: z.ZodType<TrainConfig> = z.strictObject({
  backbone: z.enum(["webgpu", "debug"]).default("webgpu").describe(
    "Who updates the weights: webgpu is this program; debug updates none, it runs a few tasks and shows what came of them.",
  ),
  steps: z.int().min(0).default(100).describe("Training steps."),
  method: z.enum(["full", "lora"]).default("full").describe(
    "Which weights are trained: all of them, or a low-rank adapter beside the frozen ones.",
  ),
  lora: loraSchema,
  algorithm: algorithmSchema,
  learning_rate: z.number().positive().default(1e-5).describe(
    "Learning rate at its height.",
  ),
  warmup_steps: z.int().min(0).default(0).describe(
    "Steps over which the learning rate rises linearly from 0.",
  ),
  decay: z.enum(["none", "linear", "cosine"]).default("none").describe(
    "How the learning rate falls to 0 between the warm-up and the last step.",
  ),
  betas: z.tuple([z.number().min(0).lt(1), z.number().min(0).lt(1)])
    .default([0.9, 0.99]).describe("AdamW's decay of its two moments."),
  epsilon: z.number().positive().default(1e-8).describe(
    "AdamW's guard against division by zero.",
  ),
  weight_decay: z.number().min(0).default(0).describe(
    "AdamW's decoupled weight decay, of matrices only.",
  ),
  max_grad_norm: z.number().min(0).default(1).describe(
    "Gradients are scaled down to this global norm; 0 never clips.",
  ),
  epochs: z.int().min(1).default(1).describe(
    "Passes over the episodes of a step.",
  ),
  minibatches: z.int().min(1).default(1).describe(
    "Optimizer steps in a pass, each on its share of the groups.",
  ),
  max_nodes: z.int().min(64).default(4096).describe(
    "Most tree nodes in a forward pass; larger batches are split without changing the gradient.",
  ),
  recompute: z.enum(["auto", "always", "never"]).default("auto").describe(
    "Whether each layer's activations are computed again in the backward pass rather than kept: less memory, more time, the same numbers; auto does where memory is known not to hold them.",
  ),
}).prefault({ algorithm: {}, lora: {} }).describe(
  "How the weights are updated.",
);
