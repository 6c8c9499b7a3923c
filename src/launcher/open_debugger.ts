import type { Config } from "../config/mod.ts";
import { DataError, UserError } from "../errors.ts";
import { type EpisodeAccount, episodeAccount } from "../monitor/debug/mod.ts";
import type { View } from "../monitor/mod.ts";
import type { Task } from "../reader/mod.ts";
import { rollout } from "../rollout/mod.ts";
import {
  type EpisodeRunner,
  type Inspector,
  OpenRunner,
} from "../runner/mod.ts";
import type { EpisodeSession } from "../tuner/mod.ts";
import { openDebugGateway } from "./_open_debug_gateway.ts";
import { openRunner } from "./_open_runner.ts";
import { readTaskSet } from "./_read_task_set.ts";
import { samplingOf } from "./_sampling.ts";

/** How the tasks are run once. */
export interface DebugRunOptions {
  /** Told of each episode as it ends. */
  readonly onEpisode: (account: EpisodeAccount) => void;
  /** Told how many episodes have ended, of how many. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Lets a debugger into the workflow's process; nothing has a time limit then. @default none */
  readonly inspector?: Inspector | undefined;
  /** Ends the run. */
  readonly signal: AbortSignal;
}

/** A model that stays, for an agent whose code changes; dispose of it to let the model go. */
export interface Debugger extends AsyncDisposable {
  /** Name of the model that answers. */
  readonly model: string;
  /** Whether it can run `config`: what it opened would be opened the same. */
  serves(config: Config): boolean;
  /**
   * Runs the few tasks of `config.debug`, with the code, tasks and judge as they now are on disk.
   *
   * @throws {UserError} If the tasks or the code cannot be used.
   * @throws The reason of `options.signal`.
   */
  run(config: Config, options: DebugRunOptions): Promise<void>;
}

/** How a debugger is opened. */
export interface OpenDebuggerOptions {
  /** Is told what the user should know. */
  readonly view: Pick<View, "show">;
  /** Gives the opening up. */
  readonly signal?: AbortSignal;
}

/**
 * Opens what `config` has its agent's calls answered by: the embedded engine, or an endpoint.
 *
 * @throws {UserError} If it cannot be used.
 * @throws The reason of `signal`, where a server is waited for that is started.
 */
export async function openDebugger(
  config: Config,
  { view, signal }: OpenDebuggerOptions,
): Promise<Debugger> {
  await using opening = new AsyncDisposableStack();
  let sessions: OpenRunner | undefined;
  const served = opening.use(
    await openDebugGateway(config, {
      signal,
      fallback: async (request) => await sessions?.handle(request),
    }),
  );
  const { gateway, tokenizer } = served;
  const address = config.gateway.public_url ?? gateway.url;
  const codeSeen = new Set<string>();

  async function openCode(
    config: Config,
    inspector: Inspector | undefined,
    signal: AbortSignal,
  ): Promise<EpisodeRunner & AsyncDisposable> {
    const processes = config.debug.concurrency > 1 ? config.rollout.workers : 1;
    const fence = { processes, signal, ...(inspector && { inspector }) };
    const open = (cached: boolean) =>
      openRunner(config, { address, view, fence: { ...fence, cached } });
    const code = JSON.stringify([config.workflow, config.judge]);
    if (!codeSeen.has(code)) {
      const opened = await open(false);
      codeSeen.add(code);
      return opened;
    }
    try {
      return await open(true);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof UserError)) throw error;
      // It may import what was not fetched before; what else is wrong is then told well.
      return await open(false);
    }
  }

  const open = opening.move();
  return {
    model: served.model,
    serves: (other) => modelKeys(other) === modelKeys(config),
    async run(config, { onEpisode, onProgress, inspector, signal }) {
      const tasks = chosenTasks((await readTaskSet(config)).train, config);
      await using runner = await openCode(config, inspector, signal);
      signal.throwIfAborted();
      if (runner instanceof OpenRunner) sessions = runner;
      const bySession = new Map<unknown, EpisodeSession>();
      const { deadline, idle } = config.rollout;
      await rollout(tasks, {
        host: {
          openEpisode(options) {
            const session = gateway.openEpisode(options);
            bySession.set(session.tree, session);
            return session;
          },
        },
        runner,
        seed: config.seed,
        step: 0,
        name: "debug",
        groupSize: config.debug.episodes,
        concurrency: config.debug.concurrency,
        sampling: samplingOf(config),
        deadlineSeconds: inspector ? Infinity : deadline,
        idleSeconds: inspector ? Infinity : idle,
        retries: 0,
        failureBudget: 1,
        onEpisode(episode) {
          const { requests } = bySession.get(episode.tree)!;
          onEpisode(episodeAccount(episode, { tokenizer, requests }));
        },
        onProgress: ({ done, total }) => onProgress?.(done, total),
        signal,
      });
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

/** What of a config decides how its model is opened. */
function modelKeys(
  { model, engine, gateway, train }: Config,
): string {
  return JSON.stringify([model, engine, gateway, train.max_nodes]);
}

function chosenTasks(tasks: readonly Task[], { debug }: Config): Task[] {
  const { only, tasks: count } = debug;
  if (only.length === 0) return tasks.slice(0, count);
  const missing = only.find((id) => !tasks.some((task) => task.id === id));
  if (missing === undefined) {
    return tasks.filter(({ id }) => only.includes(id));
  }
  const known = tasks.slice(0, 5).map(({ id }) => `"${id}"`).join(", ");
  throw new DataError(
    `There is no task "${missing}" (debug.only); the tasks begin with ${known}`,
  );
}
