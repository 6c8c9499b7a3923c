import type { Task } from "../reader/mod.ts";
import { Batch } from "./_batch.ts";
import type { RolloutOptions } from "./rollout_options.ts";
import type { Group } from "./types.ts";

/**
 * Runs a group of episodes for each task.
 *
 * The seed of an attempt depends on its place alone, never on timing, and the groups stand in the
 * order of the tasks, those of `refill` behind the others.
 *
 * @throws {FailureBudgetError} If too many episodes failed; it holds those that ended.
 * @throws The reason of `signal`.
 */
export async function rollout(
  tasks: readonly Task[],
  options: RolloutOptions,
): Promise<Group[]> {
  const batch = new Batch(options);
  let more = tasks;
  do {
    await batch.run(more);
    more = options.refill?.(batch.groups()) ?? [];
  } while (more.length > 0);
  return batch.groups();
}
