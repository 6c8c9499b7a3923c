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
        const since = going ? this.stage!.since : now;
        this.stage = { stage, done, total, unit, since };
        return;
      }
      case "evaluation":
        this.evaluations.push(event.evaluation);
        this.stage = null;
        return;
      case "step":
        this.step = event.step;
        this.last = event;
        this.rewards.push(event.reward);
        this.#stepSeconds.push(event.seconds.total ?? NaN);
        this.#stepSeconds = this.#stepSeconds.slice(-PACE_STEPS);
        this.stage = null;
        return;
      case "note":
        return;
      case "done":
      case "stopped":
        this.stage = null;
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

  /** Units per second of the stage at work; NaN until something is done. */
  stageRate(now: number): number {
    if (this.stage === null || this.stage.done === 0) return NaN;
    return this.stage.done / ((now - this.stage.since) / 1000);
  }

  /** Seconds until the stage at work is done; NaN while that cannot be known. */
  stageSecondsLeft(now: number): number {
    if (this.stage === null || this.stage.total === 0) return NaN;
    return (this.stage.total - this.stage.done) / this.stageRate(now);
  }
}
