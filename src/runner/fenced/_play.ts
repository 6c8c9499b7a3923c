import type { JudgeFunction, WorkflowOutput } from "../../judge/mod.ts";
import type { Task } from "../../reader/mod.ts";
import { checkOutput, noReward, toOutcome } from "../_check_output.ts";
import type { EpisodeOutcome, Tuner, WorkflowFunction } from "../types.ts";
import { UsageError } from "./_usage_error.ts";

/** The user's code of a run. */
export interface UserCode {
  readonly workflow: WorkflowFunction;
  readonly judge?: JudgeFunction;
}

/** One episode to play. */
export interface Play {
  readonly task: Task;
  readonly tuner: Tuner;
  /** What the workflow returned already, elsewhere; then only the judge is asked. */
  readonly output?: WorkflowOutput | undefined;
  /** Called before the judge is asked. */
  readonly onJudge: () => void;
}

/**
 * Runs the workflow, and the judge where the workflow leaves the reward open.
 *
 * @throws {UsageError} If what they return is not what it must be, in plain words.
 * @throws Whatever they throw.
 */
export async function play(
  { workflow, judge }: UserCode,
  { task, tuner, output: given, onJudge }: Play,
): Promise<EpisodeOutcome> {
  const output = checkOutput(
    given ?? await workflow(task, tuner),
    "workflow",
  );
  if (output.reward !== undefined) return toOutcome(output, output.reward);
  if (judge === undefined) {
    throw new UsageError(
      noReward("return a number or { reward: number }"),
    );
  }
  onJudge();
  const judged = checkOutput(await judge(task, output), "judge");
  if (judged.reward === undefined) {
    throw new UsageError(
      "The judge returned no reward: return a number or { reward: number }",
    );
  }
  const both = {
    ...output,
    ...judged,
    metadata: { ...output.metadata, ...judged.metadata },
    metrics: { ...output.metrics, ...judged.metrics },
  };
  return toOutcome(both, judged.reward);
}
