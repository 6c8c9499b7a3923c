import type { StepOptions } from "../nn/mod.ts";
import { schedule } from "../trainer/mod.ts";
import type { TrainConfig } from "./sections/train.ts";

/** AdamW's settings in a training step, counted from 1. */
export function optimizerOf(step: number, train: TrainConfig): StepOptions {
  return {
    learningRate: schedule(step - 1, {
      learningRate: train.learning_rate,
      warmupSteps: train.warmup_steps,
      decay: train.decay,
      steps: train.steps,
    }),
    beta1: train.betas[0],
    beta2: train.betas[1],
    epsilon: train.epsilon,
    weightDecay: train.weight_decay,
    maxGradNorm: train.max_grad_norm,
  };
}
