import type { Evaluation, RunEvent, Stage, StepRecord } from "./events.ts";

const PACE_STEPS = 8;

/** The stage at work. */
export interface StageState {
  readonly stage: Stage;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** When it began, in milliseconds. */
  readonly since: number;
}

/** What the events of a run add up to; rates and remaining times follow from it. */
export class RunState {
  model = "";
  run = "";
  steps = 0;
  step = 0;
  stage: StageState | null = null;
  last: StepRecord | null = null;
  readonly rewards: number[] = [];
  readonly evaluations: Evaluation[] = [];
  #stepSeconds: number[] = [];
  /** How much each stage did the last time, and in how many seconds. */
  readonly #took = new Map<
    Stage,
    { readonly total: number; readonly seconds: number }
  >();

  /** Takes an event that happened at `now`, in milliseconds. */
  apply(event: RunEvent, now: number): void {
    switch (event.event) {
      case "start":
        this.model = event.model;
        this.run = event.run;
        this.steps = event.steps;
        this.step = event.from;
        return;
      case "progress": {
        const { stage, done, total, unit } = event;
        const going = this.stage?.stage === stage && done >= this.stage.done;
        if (!going) this.#endStage(now);
        const since = going ? this.stage!.since : now;
        this.stage = { stage, done, total, unit, since };
        return;
      }
      case "evaluation":
        this.evaluations.push(event);
        this.#endStage(now);
        return;
      case "step":
        this.step = event.step;
        this.last = event;
        this.rewards.push(event.reward);
        this.#stepSeconds.push(event.seconds.total ?? NaN);
        this.#stepSeconds = this.#stepSeconds.slice(-PACE_STEPS);
        this.#endStage(now);
        return;
      case "memory":
      case "note":
        return;
      case "done":
      case "stopped":
        this.#endStage(now);
        return;
      default:
        event satisfies never;
    }
  }

  /** Mean seconds of the last steps; NaN before the first. */
  get stepPace(): number {
    const sum = this.#stepSeconds.reduce((total, value) => total + value, 0);
    return sum / this.#stepSeconds.length;
  }

  /** Seconds until the last step is done, and the evaluation after it. */
  get secondsLeft(): number {
    const evaluation = this.evaluations.at(-1)?.seconds ?? 0;
    return (this.steps - this.step) * this.stepPace + evaluation;
  }

  /** Seconds that the stage at work has taken so far. */
  stageSeconds(now: number): number {
    return this.stage === null ? 0 : (now - this.stage.since) / 1000;
  }

  /** Units per second of the stage at work; NaN until something is done. */
  stageRate(now: number): number {
    if (this.stage === null || this.stage.done === 0) return NaN;
    return this.stage.done / this.stageSeconds(now);
  }

  /**
   * Seconds until the stage at work is done: as the last time, or at its rate where it is new, of another size, or takes
   * longer; NaN if unknown. Episodes run at once and end close together, so that their rate alone would promise too late.
   */
  stageSecondsLeft(now: number): number {
    if (this.stage === null) return NaN;
    const { stage, done, total } = this.stage;
    const last = this.#took.get(stage);
    if (last?.total === total) {
      const left = last.seconds - this.stageSeconds(now);
      if (left > 0 || total === 0) return Math.max(0, left);
    }
    return total > 0 ? (total - done) / this.stageRate(now) : NaN;
  }

  #endStage(now: number): void {
    if (this.stage !== null) {
      const { stage, total } = this.stage;
      this.#took.set(stage, { total, seconds: this.stageSeconds(now) });
    }
    this.stage = null;
  }
}
