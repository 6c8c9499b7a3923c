import type { Config } from "../config/mod.ts";
import { DataError } from "../errors.ts";
import type { Evaluation } from "../monitor/mod.ts";
import { measure } from "./_measure.ts";
import { openAgent } from "./_open_agent.ts";
import { readTaskSet } from "./_read_task_set.ts";
import type { LaunchOptions } from "./types.ts";

/**
 * Measures the model of `config` on the held-out tasks; nothing is written.
 *
 * @throws {UserError} If the tasks, the model, the GPU or the user's code cannot be used.
 * @throws The reason of `stop` or `signal`, whichever is aborted first.
 */
export async function evaluate(
  config: Config,
  { view, stop, signal }: LaunchOptions,
): Promise<Evaluation> {
  const { validation } = await readTaskSet(config);
  if (validation.length === 0) {
    throw new DataError(
      "There are no held-out tasks: name a file of them in tasks.validation, or set " +
        "tasks.validation_ratio",
    );
  }
  const ends = [stop, signal].filter((end) => end !== undefined);
  const end = AbortSignal.any(ends);
  await using agent = await openAgent(config, {
    trained: false,
    view,
    signal: end,
  });
  const evaluation = await measure(0, {
    config,
    agent,
    tasks: validation,
    view,
    signal: end,
  });
  view.show({ event: "evaluation", ...evaluation });
  return evaluation;
}
