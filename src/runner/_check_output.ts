import type { WorkflowOutput } from "../judge/mod.ts";
import { show } from "./fenced/_show.ts";
import { UsageError } from "./fenced/_usage_error.ts";
import type { EpisodeOutcome } from "./types.ts";

/**
 * What is said where nobody gave a reward.
 *
 * @param how How such a workflow gives one.
 */
export function noReward(how: string): string {
  return `The workflow returned no reward, and there is no judge: ${how}, or set judge.path or judge.name in the YAML`;
}

/**
 * What a workflow or a judge returned, as an object; a number alone is a reward.
 *
 * @throws {UsageError} If it is not what it must be, in plain words.
 */
export function checkOutput(
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

/** A checked output with its reward, every gap filled. */
export function toOutcome(
  output: WorkflowOutput,
  reward: number,
): EpisodeOutcome {
  const { success = reward > 0, metadata = {}, metrics = {} } = output;
  return { reward, success, metadata, metrics };
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
