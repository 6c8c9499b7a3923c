import type { Evaluation, RunEvent, StepRecord } from "./events.ts";
import { formatNumber, formatRate, formatSeconds } from "./_format.ts";
import { summariseMemory } from "./memory_use.ts";
import type { RunState } from "./_run_state.ts";

/** The lines that `event` leaves in a log; none for progress. */
export function describe(event: RunEvent, state: RunState): string[] {
  switch (event.event) {
    case "start": {
      const resumed = event.from > 0 ? ` from step ${event.from}` : "";
      return [`Training ${event.model}${resumed} in ${event.run}`];
    }
    case "memory":
      return [summariseMemory(event)];
    case "progress":
      return [];
    case "evaluation":
      return [describeEvaluation(event)];
    case "step":
      return [describeStep(event, state)];
    case "note":
      return [event.text];
    case "done":
      return describeEnd(event);
    case "stopped":
      return [
        `Stopped after step ${event.steps}; everything is saved in ${event.run}`,
        `Continue with: ${event.resume}`,
      ];
    default:
      return event satisfies never;
  }
}

/** The stage at work in one line: `"rollout 40/128 episodes  21.3 episodes/s  ETA 4.1s"`. */
export function describeStage(state: RunState, now: number): string {
  if (state.stage === null) return "";
  const { stage, done, total, unit } = state.stage;
  const left = `ETA ${formatSeconds(state.stageSecondsLeft(now))}`;
  if (total === 0) {
    return `${stage} ${formatSeconds(state.stageSeconds(now))}  ${left}`;
  }
  const rate = formatRate(state.stageRate(now), unit);
  return `${stage} ${done}/${total} ${unit}  ${rate}  ${left}`;
}

/** Seconds by stage, longest first: `"rollout 1.2s  update 0.8s"`. */
export function describeSeconds(record: StepRecord): string {
  return Object.entries(record.seconds)
    .filter(([stage]) => stage !== "total" && stage !== "recordWork")
    .sort(([, a], [, b]) => b - a)
    .map(([stage, seconds]) => `${stage} ${formatSeconds(seconds)}`)
    .join("  ");
}

/** An evaluation with the counts behind its shares. */
function describeEvaluation(evaluation: Evaluation): string {
  const { step, sampled, greedy, failures } = evaluation;
  const when = step === 0 ? "before training" : `after step ${step}`;
  const parts = [
    share("sampled", sampled, evaluation.sampledEpisodes),
    share("greedy", greedy, evaluation.greedyEpisodes),
    failures > 0 ? `${failures} episodes failed` : "",
  ];
  return `Held-out success ${when}: ${
    parts.filter((part) => part !== "").join(", ")
  }`;
}

function describeStep(record: StepRecord, state: RunState): string {
  const width = String(state.steps).length;
  return [
    `step ${String(record.step).padStart(width)}/${state.steps}`,
    `reward ${formatNumber(record.reward)}`,
    `success ${formatNumber(record.success)}`,
    `${formatSeconds(state.stepPace)}/step`,
    `ETA ${formatSeconds(state.secondsLeft)}`,
  ].join("  ");
}

function describeEnd(event: RunEvent & { readonly event: "done" }): string[] {
  const { before, after } = event.eval;
  const lines = [
    `Done: ${event.steps} steps in ${formatSeconds(event.seconds)}`,
  ];
  if (before !== null && after !== null) {
    const changes = [
      change("sampled", before.sampled, after.sampled),
      change("greedy", before.greedy, after.greedy),
    ];
    const shown = changes.filter((part) => part !== "").join(", ");
    lines.push(`Held-out success: ${shown} (${after.tasks} tasks)`);
  }
  return [...lines, `Run: ${event.run}`];
}

function share(name: string, value: number | null, episodes: number): string {
  if (value === null) return "";
  const solved = Math.round(value * episodes);
  return `${name} ${formatNumber(value)} (${solved}/${episodes})`;
}

function change(
  name: string,
  before: number | null,
  after: number | null,
): string {
  if (before === null || after === null) return "";
  return `${name} ${formatNumber(before)} → ${formatNumber(after)}`;
}
