/** Options of `schedule`. */
export interface ScheduleOptions {
  /** Learning rate at its height. */
  readonly learningRate: number;
  /** Steps of the linear rise; the last of them is at full height. @default {0} */
  readonly warmupSteps?: number;
  /** How the rate falls after the warm-up. @default {"none"} */
  readonly decay?: "none" | "linear" | "cosine";
  /** Steps of the whole run; the rate would reach 0 one step after the last. */
  readonly steps: number;
}

/** The learning rate of a step, counted from 0: warm-up, then decay towards 0. */
export function schedule(step: number, options: ScheduleOptions): number {
  const { learningRate, warmupSteps = 0, decay = "none", steps } = options;
  if (step < warmupSteps) return learningRate * (step + 1) / warmupSteps;
  const done = Math.min(
    1,
    (step - warmupSteps) / Math.max(1, steps - warmupSteps),
  );
  switch (decay) {
    case "none":
      return learningRate;
    case "linear":
      return learningRate * (1 - done);
    case "cosine":
      return learningRate * (1 + Math.cos(Math.PI * done)) / 2;
    default:
      return decay satisfies never;
  }
}
