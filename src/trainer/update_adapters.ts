import { DEFAULT_ADAPTER, type Policy } from "../nn/mod.ts";
import {
  type TrainGroup,
  update,
  type UpdateMetrics,
  type UpdateOptions,
} from "./update.ts";

/** The adapter of `policy` that an agent's calls are sampled from: that of its name, else the default one. */
export function adapterOfAgent(
  agent: string,
  { adapters }: Pick<Policy, "adapters">,
): string {
  return adapters.includes(agent) ? agent : DEFAULT_ADAPTER;
}

/**
 * Updates each adapter of a policy by its own agents' calls.
 *
 * Rewards are compared as in one `update`: every agent of an episode has the episode's advantage. Weights are those of a
 * step in which only the adapter's calls were sampled: under the `episode` normalisation an episode weighs the same in
 * each adapter's loss, however much of it the others said. An adapter without calls stays as it is.
 *
 * @returns What each update did, by the adapter's name.
 * @throws {ASTunerError} If a loss is not finite; adapters updated before keep their step.
 */
export async function updateAdapters(
  policy: Policy,
  groups: readonly TrainGroup[],
  options: UpdateOptions,
): Promise<ReadonlyMap<string, UpdateMetrics>> {
  const done = new Map<string, UpdateMetrics>();
  for (const adapter of policy.adapters) {
    const own = policy.adapters.length === 1
      ? groups
      : groups.map((group) => limited(group, adapter, policy));
    done.set(adapter, await update(policy.of(adapter), own, options));
  }
  return done;
}

function limited(
  { episodes }: TrainGroup,
  adapter: string,
  policy: Policy,
): TrainGroup {
  return {
    episodes: episodes.map(({ tree, ...episode }) => ({
      ...episode,
      tree: tree.limited(({ agent }) =>
        adapterOfAgent(agent, policy) === adapter
      ),
    })),
  };
}
