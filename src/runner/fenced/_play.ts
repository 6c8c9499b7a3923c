import type { JudgeFunction, WorkflowOutput } from "../../judge/mod.ts";
import type { Task } from "../../reader/mod.ts";
import type { EpisodeOutcome, Tuner, WorkflowFunction } from "../types.ts";
import { show } from "./_show.ts";
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
  { task, tuner, onJudge }: Play,
): Promise<EpisodeOutcome> {
  const output = checkOutput(await workflow(task, tuner), "workflow");
  if (output.reward !== undefined) return toOutcome(output, output.reward);
  if (judge === undefined) {
    throw new UsageError(
      "The workflow returned no reward, and there is no judge: return a number or " +
        "{ reward: number }, or set judge.path or judge.name in the YAML",
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

function toOutcome(output: WorkflowOutput, reward: number): EpisodeOutcome {
  const { success = reward > 0, metadata = {}, metrics = {} } = output;
  return { reward, success, metadata, metrics };
}

function checkOutput(
  value: unknown,
  by: "workflow" | "judge",
): WorkflowOutput {
  if (value === undefined || value === null) return {};
  if (typeof value === "number") return checkOutput({ reward: value }, by);
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new UsageError(
      `The ${by} returned ${show(value)}: ` +
        'return a number or an object with "reward"',
    );
  }
  const { reward, success, metadata, metrics } = value as WorkflowOutput;
  const check = (holds: boolean, part: unknown, as: string, must: string) => {
    if (part === undefined || holds) return;
    throw new UsageError(
      `The ${by} returned ${show(part)} as ${as}: it must be ${must}`,
    );
  };
  check(Number.isFinite(reward), reward, "reward", "a finite number");
  check(typeof success === "boolean", success, "success", "true or false");
  check(isRecord(metadata), metadata, "metadata", "an object");
  check(isRecord(metrics), metrics, "metrics", "an object of numbers");
  for (const [name, metric] of Object.entries(metrics ?? {})) {
    const as = `metric "${name}"`;
    check(Number.isFinite(metric), metric ?? null, as, "a finite number");
  }
  return value;
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
