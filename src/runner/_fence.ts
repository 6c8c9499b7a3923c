import { EpisodeError, type EpisodeStage, UserError } from "../errors.ts";
import { cancelled } from "./_cancelled.ts";
import { explain } from "./_explain.ts";
import type { FenceCommand } from "./_fence_command.ts";
import { FenceProcess } from "./_fence_process.ts";
import type { FromFence } from "./_protocol.ts";
import type { Allowance, EpisodeJob, EpisodeResult } from "./types.ts";

/** How a fence is watched. */
export interface FenceLimits {
  /** Most episodes at the same time. */
  readonly company: number;
  readonly allow: Allowance;
  /** Whether it may stand still for any time, as in a debugger. */
  readonly patient: boolean;
  /** Silence after which the process is taken to hang. */
  readonly heartbeatSeconds: number;
  /** Time that a cancelled episode has to return. */
  readonly graceSeconds: number;
  /** Resident memory at which the process is killed. */
  readonly residentMiB: number;
  /** Called when a place became free, or the fence takes no more episodes. */
  readonly onChange: () => void;
}

/** An episode inside; its result may be known before its code has returned. */
interface Resident {
  readonly job: EpisodeJob;
  readonly resolve: (result: Promise<EpisodeResult>) => void;
  log: string;
  started: boolean;
  /** Runs from the moment its result is known. */
  grace?: ReturnType<typeof setTimeout>;
}

const MIB = 2 ** 20;
/** Time that user code has to load. */
const START_SECONDS = 60;
/** Looks in each such part of the heartbeat's limit, so that a host that slept kills nothing. */
const CHECKS = 4;

/**
 * One fenced process and the episodes in it.
 *
 * It is killed when its event loop stands still or it outgrows its memory. Its death is the fault of
 * the episode that was alone in it; where there were several, they are displaced. An episode that
 * does not return once its result is known retires the process: it takes no more episodes, and ends
 * with the last one that it is needed for.
 */
export class Fence implements AsyncDisposable {
  readonly company: number;
  /** Settles once user code is loaded; rejects with a `UserError` if that is impossible. */
  readonly ready: Promise<void>;

  readonly #limits: FenceLimits;
  readonly #process: FenceProcess;
  readonly #residents = new Map<number, Resident>();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #silentChecks = 0;
  #isLoaded = false;
  #nextId = 0;
  #retired = false;

  constructor(command: FenceCommand, limits: FenceLimits) {
    this.company = limits.company;
    this.#limits = limits;
    this.ready = this.#loaded.promise;
    // Each episode hears of it; a fence without any need not load.
    this.ready.catch(() => {});
    if (!limits.patient) {
      this.#watch = setTimeout(
        () => this.#process.kill(`did not load in ${START_SECONDS} s`),
        START_SECONDS * 1000,
      );
    }
    this.#process = new FenceProcess(command, (message) => this.#hear(message));
    this.#ended = this.#process.ended.then((why) => this.#bury(why));
  }

  /** Episodes inside, with those whose result is known but whose code has not returned. */
  get load(): number {
    return this.#residents.size;
  }

  /** Settles when the process is gone. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** Whether it takes no more episodes. */
  get retired(): boolean {
    return this.#retired;
  }

  /** Runs one episode to its end; see `EpisodeRunner`. */
  run(job: EpisodeJob): Promise<EpisodeResult> {
    const { promise, resolve } = Promise.withResolvers<EpisodeResult>();
    const id = this.#nextId++;
    const resident = { job, resolve, log: "", started: false };
    this.#residents.set(id, resident);
    this.ready.then(
      () => this.#start(id),
      (error) => {
        this.#fail(id, "start", error.message);
        this.#leave(id);
      },
    );
    const { signal } = job;
    if (signal === undefined) return promise;
    const cancel = () => this.#cancel(id, signal.reason);
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    return promise.finally(() => signal.removeEventListener("abort", cancel));
  }

  /** Takes no more episodes, and ends once the result of the last one inside is known. */
  retire(): void {
    this.#retired = true;
    this.#endIfDone();
    this.#limits.onChange();
  }

  /** Kills the process and waits until nothing of it is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#retired = true;
    this.#process.kill("ended with the run");
    await this.#ended;
  }

  #hear(message: FromFence): void {
    this.#silentChecks = 0;
    switch (message.kind) {
      case "ready":
        this.#isLoaded = true;
        this.#watchPulse();
        return this.#loaded.resolve();
      case "unusable":
        return this.#loaded.reject(new UserError(message.message));
      case "beat":
        return this.#checkMemory(message.rss);
      case "print":
        return this.#print(message.id, message.text);
      case "finished": {
        const { id, outcome } = message;
        return this.#settle(id, (log) => ({ kind: "finished", outcome, log }));
      }
      case "failed":
        return this.#fail(message.id, message.stage, message.message);
      case "settled":
        return this.#leave(message.id);
      default:
        message satisfies never;
    }
  }

  #start(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    const { task, endpoint, output } = resident.job;
    try {
      this.#process.send({ kind: "run", id, task, endpoint, output });
      resident.started = true;
      resident.job.onStart?.();
    } catch (cause) {
      const reason = (cause as Error).message;
      this.#fail(id, "start", `The task's metadata is not JSON: ${reason}`);
      this.#leave(id);
    }
  }

  #cancel(id: number, reason: unknown): void {
    const resident = this.#residents.get(id);
    if (resident === undefined || resident.grace !== undefined) return;
    this.#settle(id, (log) => cancelled(reason, log));
    if (resident.started) {
      this.#process.send({ kind: "cancel", id, reason: inWords(reason) });
    } else {
      this.#leave(id);
    }
  }

  #print(id: number, text: string): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    resident.log += text;
    resident.job.onProgress?.();
  }

  #fail(id: number, stage: EpisodeStage, message: string): void {
    const error = new EpisodeError(stage, explain(message, this.#limits.allow));
    this.#settle(id, (log) => ({ kind: "failed", error, log }));
  }

  /** Makes an episode's result known; from then on its code has `graceSeconds` to return. */
  #settle(id: number, result: (log: string) => EpisodeResult): void {
    const resident = this.#residents.get(id);
    if (resident === undefined || resident.grace !== undefined) return;
    resident.grace = setTimeout(
      () => this.retire(),
      this.#limits.graceSeconds * 1000,
    );
    resident.resolve(Promise.try(result, resident.log));
    this.#endIfDone();
  }

  #leave(id: number): void {
    const resident = this.#residents.get(id);
    if (resident === undefined) return;
    clearTimeout(resident.grace);
    this.#residents.delete(id);
    this.#endIfDone();
    this.#limits.onChange();
  }

  #endIfDone(): void {
    const results = [...this.#residents.values()];
    if (this.#retired && results.every(({ grace }) => grace !== undefined)) {
      this.#process.kill("was no longer needed");
    }
  }

  #watchPulse(): void {
    clearTimeout(this.#watch);
    if (this.#limits.patient) return;
    this.#watch = setInterval(
      () => this.#checkPulse(),
      this.#limits.heartbeatSeconds * 1000 / CHECKS,
    );
  }

  #checkPulse(): void {
    this.#silentChecks++;
    if (this.#silentChecks <= CHECKS) return;
    this.#process.kill(
      `did not answer for ${this.#limits.heartbeatSeconds} s: the workflow computes without ` +
        "ever awaiting, or waits without letting others run",
    );
  }

  #checkMemory(rss: number): void {
    const { residentMiB } = this.#limits;
    if (rss <= residentMiB * MIB) return;
    this.#process.kill(
      `ran out of memory: it uses more than ${residentMiB} MiB`,
    );
  }

  /** Ends whatever the dead process leaves behind. */
  #bury(because: string): void {
    clearTimeout(this.#watch);
    this.#retired = true;
    if (!this.#isLoaded) {
      const message = `Cannot load the workflow: its process ${because}`;
      return this.#loaded.reject(new UserError(message));
    }
    const alone = this.load === 1;
    const message = `The process of the workflow ${because}`;
    const error = new EpisodeError("process", message);
    for (const [id, resident] of this.#residents) {
      const kind = alone ? "failed" : "displaced";
      this.#settle(id, (log) => ({ kind, error, log }));
      clearTimeout(resident.grace);
    }
    this.#residents.clear();
    this.#limits.onChange();
  }
}

function inWords(reason: unknown): string {
  return reason instanceof Error ? reason.message : String(reason);
}
