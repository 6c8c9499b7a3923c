import type { Config } from "../config/mod.ts";
import { readTasks, type TaskSet } from "../reader/mod.ts";

/**
 * Reads the tasks of `config`, with as many held-out ones as evaluations use.
 *
 * @throws {DataError} If they cannot be read.
 */
export async function readTaskSet(config: Config): Promise<TaskSet> {
  const { tasks, seed } = config;
  const { train, validation } = await readTasks({
    source: tasks.train,
    ...(tasks.validation !== null && { validation: tasks.validation }),
    splitKey: tasks.split_key,
    validationRatio: tasks.validation_ratio,
    seed,
  });
  return {
    train,
    validation: validation.slice(0, config.eval.tasks ?? validation.length),
  };
}
