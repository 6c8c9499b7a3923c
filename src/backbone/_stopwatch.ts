import { traced } from "../telemetry/mod.ts";

/** Wall time by stage. */
export class Stopwatch {
  readonly #began = performance.now();
  readonly #seconds: Record<string, number> = {};

  /** Runs `work` and counts its time as `stage`. */
  async time<T>(stage: string, work: () => Promise<T>): Promise<T> {
    const began = performance.now();
    try {
      return await traced(stage, {}, work);
    } finally {
      const spent = (performance.now() - began) / 1000;
      this.#seconds[stage] = (this.#seconds[stage] ?? 0) + spent;
    }
  }

  /**
   * Seconds by stage so far, and since the beginning as `total`, to the millisecond.
   *
   * @param others Seconds that were measured in other ways, by their names.
   */
  seconds(
    others: Readonly<Record<string, number>> = {},
  ): Readonly<Record<string, number>> {
    const total = (performance.now() - this.#began) / 1000;
    return Object.fromEntries(
      Object.entries({ ...this.#seconds, total, ...others })
        .map(([stage, seconds]) => [stage, Math.round(seconds * 1000) / 1000]),
    );
  }
}
