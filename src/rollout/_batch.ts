import { deriveSeed, type Task } from "../reader/mod.ts";
import { type Attempts, runEpisode, type Slot } from "./_run_episode.ts";
import { FailureBudgetError } from "./failure_budget_error.ts";
import type { RolloutOptions, RolloutProgress } from "./rollout_options.ts";
import type { Episode, Group } from "./types.ts";

/** The episodes of a group as they end; each at its place, holes where they have not. */
interface OpenGroup {
  readonly key: string;
  readonly task: Task;
  readonly episodes: (Episode | undefined)[];
}

/** The groups of a rollout as they fill. */
export class Batch {
  readonly #options: RolloutOptions;
  readonly #groups: OpenGroup[] = [];
  #running = 0;
  #done = 0;
  #failed = 0;
  #tokens = 0;

  constructor(options: RolloutOptions) {
    this.#options = options;
  }

  /** The groups in order, with the episodes that have ended. */
  groups(): Group[] {
    return this.#groups.map(({ key, task, episodes }) => ({
      key,
      task,
      episodes: episodes.filter((episode) => episode !== undefined),
    }));
  }

  /** Runs a group for each of `tasks`, behind those that ran before; see `rollout`. */
  async run(tasks: readonly Task[]): Promise<void> {
    const { concurrency = 128, signal } = this.#options;
    const stop = new AbortController();
    const cancel = () => stop.abort(signal?.reason);
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    // The workers share one iterator, so that each episode runs once, in order of the tasks.
    const slots = this.#open(tasks).values();
    const count = Math.min(concurrency, this.#total - this.#done);
    const workers = Array.from({ length: count }, async () => {
      for (const slot of slots) {
        if (stop.signal.aborted) return;
        this.#end(slot, await this.#run(slot, stop.signal));
      }
    });
    // The first failure stops the others; none is left behind.
    await Promise.all(
      workers.map((worker) => worker.catch((error) => stop.abort(error))),
    );
    signal?.removeEventListener("abort", cancel);
    stop.signal.throwIfAborted();
  }

  get #total(): number {
    return this.#groups.length * (this.#options.groupSize ?? 1);
  }

  /** Opens a group for each task. @returns Its episodes, group by group. */
  #open(tasks: readonly Task[]): Slot[] {
    const { seed, step, name = `step-${step}`, groupSize = 1 } = this.#options;
    return tasks.flatMap((task) => {
      const group = this.#groups.length;
      const key = `${name}/${group}`;
      const episodes = new Array<undefined>(groupSize).fill(undefined);
      this.#groups.push({ key, task, episodes });
      return episodes.map((_, index) => ({
        task,
        group,
        index,
        id: `${key}/${index}`,
        key,
        seed: deriveSeed([seed, step, group, index]),
      }));
    });
  }

  async #run(slot: Slot, stop: AbortSignal): Promise<Episode> {
    const {
      deadlineSeconds = 600,
      idleSeconds = 120,
      retries = 1,
      backoffSeconds = 1,
      host,
      runner,
      sampling,
      force,
    } = this.#options;
    const attempts: Attempts = {
      host,
      runner,
      deadlineSeconds,
      idleSeconds,
      retries,
      backoffSeconds,
      session: { ...(sampling && { sampling }), ...(force && { force }) },
      stop,
    };
    this.#running++;
    this.#report();
    try {
      return await runEpisode(slot, attempts);
    } finally {
      this.#running--;
    }
  }

  /** @throws {FailureBudgetError} If this failure is one too many. */
  #end(slot: Slot, episode: Episode): void {
    const { failureBudget: budget = 0.5, onEpisode } = this.#options;
    this.#groups[slot.group]!.episodes[slot.index] = episode;
    this.#done++;
    this.#tokens += sampledTokens(episode);
    if (episode.error !== undefined) this.#failed++;
    onEpisode?.(episode);
    this.#report();
    const total = this.#total;
    if (this.#failed > budget * total) {
      throw new FailureBudgetError(this.groups(), { budget, total });
    }
  }

  #report(): void {
    const progress: RolloutProgress = {
      total: this.#total,
      done: this.#done,
      failed: this.#failed,
      running: this.#running,
      tokens: this.#tokens,
    };
    this.#options.onProgress?.(progress);
  }
}

function sampledTokens({ tree }: Episode): number {
  return tree.calls.reduce((sum, call) => sum + call.sampledLength, 0);
}
