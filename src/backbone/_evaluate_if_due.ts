import type { Config } from "../config/mod.ts";
import type { Job } from "./types.ts";

/**
 * Evaluates the weights after `step` where the config says so and it was not done before the run
 * was resumed, and records it.
 *
 * @returns False where the job was stopped before the evaluation was done.
 */
export async function evaluateIfDue(step: number, job: Job): Promise<boolean> {
  const { config, store, records, view, evaluate } = job;
  if (evaluate === undefined || !isDue(step, config)) return true;
  const earlier = (await store.evaluations())
    .find((evaluation) => evaluation.step === step);
  const evaluation = earlier ?? await evaluate(step);
  if (evaluation === undefined) return false;
  if (earlier === undefined) await store.appendEvaluation(evaluation);
  await records?.writeEvaluation(evaluation);
  view.show({ event: "evaluation", ...evaluation });
  return true;
}

function isDue(
  step: number,
  { eval: { before, after, every }, train }: Config,
) {
  if (step === 0) return before;
  if (step === train.steps) return after;
  return every > 0 && step % every === 0;
}
