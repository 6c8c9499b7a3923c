import { DEFAULT_ADAPTER } from "../nn/mod.ts";
import type { UpdateMetrics } from "./update.ts";

/** What the updates of the adapters did that are one agent's own, in numbers by `AGENT.METRIC`. */
export function agentMetrics(
  updated: ReadonlyMap<string, UpdateMetrics>,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [agent, metrics] of updated) {
    if (agent === DEFAULT_ADAPTER) continue;
    const { policy, gradNorm, optimizerSteps, tokensTrained } = metrics;
    const named = {
      tokensTrained,
      optimizerSteps,
      ...(gradNorm !== undefined && { gradNorm }),
      ...policy,
    };
    for (const [name, value] of Object.entries(named)) {
      numbers[`${agent}.${name}`] = value;
    }
  }
  return numbers;
}
