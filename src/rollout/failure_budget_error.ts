import { UserError } from "../errors.ts";
import type { Episode, Group } from "./types.ts";

/** Too many episodes of a batch failed; what finished is kept in `groups`. */
export class FailureBudgetError extends UserError {
  /** The error's kind. */
  override name = "FailureBudgetError";

  /**
   * Says how many episodes failed, and what most of them failed of.
   *
   * @param groups The groups of the batch, with the episodes that finished or failed.
   * @param options The share that was allowed to fail, and the batch's size in episodes.
   */
  constructor(
    readonly groups: readonly Group[],
    options: { readonly budget: number; readonly total: number },
  ) {
    const failed = groups.flatMap(({ episodes }) => episodes)
      .filter(({ error }) => error !== undefined);
    super(
      `${failed.length} of ${options.total} episodes failed, more than the share of ` +
        `${options.budget} that rollout.failure_budget allows. ${
          example(failed)
        }`,
    );
  }
}

/** The failure that most episodes share, in its own words. */
function example(failed: readonly Episode[]): string {
  const alike = Object.values(
    Object.groupBy(failed, ({ error }) => `${error!.stage}: ${error!.message}`),
  ) as Episode[][];
  const [most] = alike.sort((a, b) => b.length - a.length);
  if (most === undefined) return "";
  const { task, error } = most[0]!;
  return `${most.length} failed alike, among them task "${task.id}" (${
    error!.stage
  }): ${error!.message}`;
}
