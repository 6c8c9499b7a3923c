import { deriveSeed, type Task } from "../reader/mod.ts";
import type { EpisodeResult, EpisodeRunner } from "../runner/mod.ts";
import { traced } from "../telemetry/mod.ts";
import type { OpenEpisodeOptions } from "../tuner/mod.ts";
import { type TimeLimits, Watchdog } from "./_watchdog.ts";
import type { EpisodeHost, HostedEpisode } from "./episode_host.ts";
import type { Episode } from "./types.ts";

/** An episode that is to run. */
export interface Slot {
  readonly id: string;
  readonly task: Task;
  /** Key of its group. */
  readonly key: string;
  /** Place of its group in the batch. */
  readonly group: number;
  /** Place within its group. */
  readonly index: number;
  /** Seed of all its attempts. */
  readonly seed: number;
}

/** With what, and how often, an episode is tried. */
export interface Attempts extends TimeLimits {
  readonly host: EpisodeHost;
  readonly runner: EpisodeRunner;
  readonly retries: number;
  /** Pause before the first retry, doubled before each further one. */
  readonly backoffSeconds: number;
  /** Handed on to the gateway. */
  readonly session: Pick<OpenEpisodeOptions, "sampling" | "force">;
  /** Ends the whole batch. */
  readonly stop: AbortSignal;
}

interface Attempt {
  readonly result: EpisodeResult;
  readonly session: HostedEpisode;
}

/**
 * Runs one episode, again if it fails, each attempt with a session and a seed of its own.
 *
 * An attempt that was displaced by another's fault is repeated under the same seed, and uncounted.
 *
 * @throws The reason of `stop`, or what the gateway or runner throws: never an episode's failure.
 */
export async function runEpisode(
  slot: Slot,
  options: Attempts,
): Promise<Episode> {
  const attributes = {
    "gen_ai.operation.name": "invoke_agent",
    "astuner.episode": slot.id,
    "astuner.group": slot.key,
    "astuner.task": slot.task.id,
  };
  return await traced("invoke_agent", { attributes }, async (span) => {
    const episode = await run(slot, options);
    span.set({
      "astuner.attempts": episode.attempts,
      "astuner.success": episode.success,
      ...(!Number.isNaN(episode.reward) && {
        "astuner.reward": episode.reward,
      }),
    });
    if (episode.error !== undefined) {
      span.set({ "error.type": episode.error.stage });
      span.fail(episode.error.message);
    }
    return episode;
  });
}

async function run(slot: Slot, options: Attempts): Promise<Episode> {
  const { retries, backoffSeconds, stop } = options;
  const began = performance.now();
  for (let attempt = 0;; attempt++) {
    if (attempt > 0) await sleep(backoffSeconds * 2 ** (attempt - 1), stop);
    const { result, session } = await undisplaced(slot, attempt, options);
    if (result.kind === "failed" && attempt < retries) continue;
    const seconds = (performance.now() - began) / 1000;
    return {
      ...recordOf(result),
      id: slot.id,
      group: slot.key,
      index: slot.index,
      task: slot.task,
      tree: session.tree,
      ...(session.messages && { messages: session.messages }),
      log: result.log,
      attempts: attempt + 1,
      seconds,
    };
  }
}

/** Tries until the attempt is not displaced; the runner sees to it that this ends. */
async function undisplaced(
  slot: Slot,
  attempt: number,
  options: Attempts,
): Promise<Attempt> {
  for (let displaced = 0;; displaced++) {
    const tried = await tryOnce(slot, { ...options, attempt, displaced });
    if (tried.result.kind !== "displaced") return tried;
  }
}

async function tryOnce(
  slot: Slot,
  options: Attempts & { readonly attempt: number; readonly displaced: number },
): Promise<Attempt> {
  const { host, runner, attempt, displaced } = options;
  const seed = deriveSeed([slot.seed, attempt]);
  const session = host.openEpisode({ ...options.session, seed });
  const { baseUrl, apiKey, model } = session;
  using watchdog = new Watchdog(session, options);
  const { signal } = watchdog;
  // The engine stops sampling for the episode at once, before its workflow has taken notice.
  const abort = () => void session.abort(inWords(signal.reason));
  signal.addEventListener("abort", abort, { once: true });
  try {
    const result = await runner.run({
      task: slot.task,
      endpoint: { baseUrl, apiKey, model },
      signal,
      displaced,
      onStart: () => watchdog.start(),
      onProgress: () => watchdog.touch(),
    });
    return { result, session };
  } finally {
    await session.close();
  }
}

function inWords(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}

type ResultRecord = Pick<
  Episode,
  "reward" | "success" | "metadata" | "metrics" | "error"
>;

function recordOf(result: EpisodeResult): ResultRecord {
  if (result.kind === "finished") return result.outcome;
  const { stage, message } = result.error;
  return {
    reward: NaN,
    success: false,
    metadata: {},
    metrics: {},
    error: { stage, message },
  };
}

function sleep(seconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    stop.throwIfAborted();
    const wake = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", wake);
      if (stop.aborted) reject(stop.reason);
      else resolve();
    };
    const timer = setTimeout(wake, seconds * 1000);
    stop.addEventListener("abort", wake);
  });
}
