import { EpisodeError, type EpisodeStage } from "../errors.ts";
import { cancelled } from "./_cancelled.ts";
import { checkOutput, noReward, toOutcome } from "./_check_output.ts";
import { Places } from "./_places.ts";
import { UsageError } from "./fenced/_usage_error.ts";
import type { EpisodeJob, EpisodeResult, EpisodeRunner } from "./types.ts";

/** Characters of an episode's output that are kept. */
const MAX_LOG = 64 * 1024;

/** What comes with an episode that is played outside. */
export interface OutsidePlay {
  readonly signal: AbortSignal;
  /** Adds to the episode's log. */
  readonly print: (text: string) => void;
  /** Called when the agent is at work: now the episode's time begins. */
  readonly start: () => void;
}

/** A workflow that runs outside of this program. */
export interface OutsideWorkflow {
  /** How it gives a reward, as an order to its author. */
  readonly rewarding: string;
  /**
   * Runs one episode.
   *
   * @returns What the workflow answered, not checked yet.
   * @throws {EpisodeError} If the episode failed.
   * @throws The reason of `signal`, promptly, and with nothing left running.
   */
  play(job: EpisodeJob, play: OutsidePlay): Promise<unknown>;
}

/** Who runs where, and who judges. */
export interface OutsideRunnerOptions {
  readonly workflow: OutsideWorkflow;
  /** Asked where the workflow leaves the reward open; closed with this runner. */
  readonly judge?: (EpisodeRunner & AsyncDisposable) | undefined;
  /** Most episodes at the same time. */
  readonly atOnce: number;
}

/** Runs episodes whose workflow is no code of this program's fence: what they share. */
export class OutsideRunner implements EpisodeRunner, AsyncDisposable {
  readonly #options: OutsideRunnerOptions;
  readonly #places: Places;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<unknown>>();

  /** A runner of `options.workflow`. */
  constructor(options: OutsideRunnerOptions) {
    this.#options = options;
    this.#places = new Places(options.atOnce);
  }

  /** Runs one episode to its end; see `EpisodeRunner`. */
  run(job: EpisodeJob): Promise<EpisodeResult> {
    const running = this.#run(job);
    const settled = running.catch(() => {});
    this.#running.add(settled);
    settled.finally(() => this.#running.delete(settled));
    return running;
  }

  /** Ends every episode, and waits until nothing of them is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new EpisodeError("process", "The runner is closed"));
    await Promise.all(this.#running);
    await this.#options.judge?.[Symbol.asyncDispose]();
  }

  async #run(job: EpisodeJob): Promise<EpisodeResult> {
    const signals = [this.#closing.signal, job.signal];
    const signal = AbortSignal.any(signals.filter((one) => one !== undefined));
    let log = "";
    const print = (text: string) => {
      job.onProgress?.();
      if (log.length > MAX_LOG) return;
      const room = MAX_LOG - log.length;
      log += text.length <= room
        ? text
        : `${text.slice(0, room)}\n… further output was dropped\n`;
    };
    try {
      using _place = await this.#places.take(signal);
      const start = () => job.onStart?.();
      const playing = { signal, print, start };
      const answer = await this.#options.workflow.play(job, playing);
      return await this.#judged(answer, { job, log });
    } catch (error) {
      if (signal.aborted) return cancelled(signal.reason, log);
      if (!(error instanceof EpisodeError)) throw error;
      return { kind: "failed", error, log };
    }
  }

  async #judged(
    answer: unknown,
    { job, log }: { readonly job: EpisodeJob; readonly log: string },
  ): Promise<EpisodeResult> {
    const output = asEpisodeError(
      "workflow",
      () => checkOutput(answer, "workflow"),
    );
    const { reward } = output;
    if (reward !== undefined) {
      return { kind: "finished", outcome: toOutcome(output, reward), log };
    }
    const { judge } = this.#options;
    if (judge === undefined) {
      const { rewarding } = this.#options.workflow;
      throw new EpisodeError("workflow", noReward(rewarding));
    }
    const { task, endpoint, signal, displaced, onProgress } = job;
    const result = await judge.run({
      task,
      endpoint,
      output,
      ...(signal && { signal }),
      ...(displaced && { displaced }),
      ...(onProgress && { onProgress }),
    });
    return { ...result, log: log + result.log };
  }
}

function asEpisodeError<T>(stage: EpisodeStage, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new EpisodeError(stage, error.message, { cause: error });
  }
}
