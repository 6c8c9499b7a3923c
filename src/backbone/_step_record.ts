import type { StepRecord } from "../monitor/mod.ts";
import type { Episode, Group } from "../rollout/mod.ts";
import { agentMetrics, type UpdateMetrics } from "../trainer/mod.ts";
import { DEFAULT_ADAPTER } from "../nn/mod.ts";
import { hasSpread } from "./_refill.ts";
import type { Staleness } from "./_served_versions.ts";
import { type ProbeGap, widestGap } from "./probe.ts";

/** What is known of a step at its end. */
export interface StepParts {
  readonly groups: readonly Group[];
  /** Of each adapter; the default one's numbers have plain names, the others' that of their agent before them. */
  readonly updated: ReadonlyMap<string, UpdateMetrics>;
  readonly staleness: Staleness;
  /** Of each adapter. */
  readonly gaps: ReadonlyMap<string, ProbeGap>;
  readonly learningRate: number;
  /** Optimizer steps behind the weights after this step. */
  readonly policyVersion: number;
  readonly seconds: Readonly<Record<string, number>>;
}

/** The line that a step leaves in the run's metrics. */
export function stepRecord(step: number, parts: StepParts): StepRecord {
  const { groups, updated, staleness, gaps, learningRate } = parts;
  const { policyVersion, seconds } = parts;
  const gap = widestGap(gaps);
  const { policy, gradNorm } = updated.get(DEFAULT_ADAPTER)!;
  const total = (count: (metrics: UpdateMetrics) => number) =>
    updated.values().reduce((sum, metrics) => sum + count(metrics), 0);
  const episodes = groups.flatMap(({ episodes }) => episodes);
  const calls = episodes.flatMap(({ tree }) => tree.calls);
  const finished = episodes.filter(({ error }) => error === undefined);
  return {
    step,
    reward: mean(finished.map(({ reward }) => reward)),
    success: mean(episodes.map(({ success }) => Number(success))),
    episodes: episodes.length,
    failures: episodes.length - finished.length,
    groups: groups.length,
    zeroSpreadGroups: groups.filter((group) => !hasSpread(group)).length,
    tokensSeen: total(({ tokensSeen }) => tokensSeen),
    tokensComputed: total(({ tokensComputed }) => tokensComputed),
    tokensTrained: total(({ tokensTrained }) => tokensTrained),
    tooLongEpisodes: total(({ tooLong }) => tooLong.length),
    stalenessMean: staleness.mean,
    stalenessMax: staleness.max,
    tooStaleTokens: staleness.tooStale,
    untrainableCalls:
      calls.filter(({ untrainable }) => untrainable !== undefined).length,
    optimizerSteps: total(({ optimizerSteps }) => optimizerSteps),
    ...(gradNorm !== undefined && { gradNorm }),
    ...policy,
    ...(updated.size > 1 &&
      { agents: { ...agentMetrics(updated), ...probeMetrics(gaps) } }),
    learningRate,
    policyVersion,
    probeTokens: gap.tokens,
    probeGapMean: gap.mean,
    probeGapMax: gap.max,
    workflow: workflowMetrics(finished),
    seconds,
  };
}

/** How far each agent's own adapter is from the served one, by `AGENT.METRIC`; gaps of those that were compared. */
function probeMetrics(
  gaps: ReadonlyMap<string, ProbeGap>,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const [agent, { tokens, mean, max }] of gaps) {
    if (agent === DEFAULT_ADAPTER) continue;
    numbers[`${agent}.probeTokens`] = tokens;
    if (tokens === 0) continue;
    numbers[`${agent}.probeGapMean`] = mean;
    numbers[`${agent}.probeGapMax`] = max;
  }
  return numbers;
}

/** Means of the numbers that workflows return, each over the episodes that have it. */
function workflowMetrics(episodes: readonly Episode[]): Record<string, number> {
  const entries = episodes.flatMap(({ metrics }) => Object.entries(metrics));
  const byName = Object.groupBy(entries, ([name]) => name);
  return Object.fromEntries(
    Object.keys(byName).sort().map((name) => [
      name,
      mean(byName[name]!.map(([, value]) => value)),
    ]),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
