import { type Config, refillsOf } from "../config/mod.ts";
import type { TaskCursor } from "../reader/mod.ts";
import type { Group } from "../rollout/mod.ts";
import type { Refill } from "./types.ts";

/** Whether the group's episodes differ in reward: only then can they be told apart. */
export function hasSpread({ episodes }: Group): boolean {
  const rewards = episodes.map(({ reward }) => reward)
    .filter((reward) => !Number.isNaN(reward));
  return new Set(rewards).size > 1;
}

/**
 * What makes up for groups without spread, where the config has them dropped: as many further tasks
 * as there are groups missing.
 */
export function refillOf(
  config: Config,
  tasks: TaskCursor,
): Refill | undefined {
  let left = refillsOf(config);
  if (left === 0) return undefined;
  return (groups) => {
    const missing = config.rollout.batch_tasks -
      groups.filter(hasSpread).length;
    if (missing <= 0 || left === 0) return [];
    left--;
    return tasks.next(missing);
  };
}
