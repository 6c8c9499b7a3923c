import { ASTunerError } from "../errors.ts";
import { cacheModules } from "./_cache_modules.ts";
import { cancelled } from "./_cancelled.ts";
import { Fence } from "./_fence.ts";
import { fenceCommand, type FenceSpec } from "./_fence_command.ts";
import { locateCode } from "./_locate_code.ts";
import type { Inspector } from "./inspector.ts";
import { UserError } from "../errors.ts";
import type {
  Allowance,
  EpisodeJob,
  EpisodeResult,
  EpisodeRunner,
} from "./types.ts";

/** What a `Runner` runs, and within which bounds. */
export interface RunnerOptions {
  /**
   * The file, or `http(s)` URL, whose default export is the agent.
   * @default none: each job brings its workflow's output, and only the judge is asked
   */
  readonly workflow?: string | URL;
  /** A judge file, or the name of a built-in judge. @default none */
  readonly judge?: string | URL;
  /** `host:port` of the gateway. */
  readonly gateway: string;
  /** What is let through the fence besides. @default nothing */
  readonly allow?: Allowance;
  /** Processes that share the episodes. @default 2 */
  readonly processes?: number;
  /** Bound of each process's JavaScript heap, in MiB. @default 1024 */
  readonly memoryMiB?: number;
  /** Silence after which a process is taken to hang and is killed. @default 15 */
  readonly heartbeatSeconds?: number;
  /** Time that a cancelled episode has to return before its process is given up. @default 5 */
  readonly graceSeconds?: number;
  /**
   * Lets a debugger into the one process that there then is; however long it stands still, it is
   * left alone. @default none
   */
  readonly inspector?: Inspector;
  /** Gives the opening up, as while it waits for a debugger. */
  readonly signal?: AbortSignal;
  /** Whether all that the code imports was fetched by an earlier runner. @default false */
  readonly cached?: boolean;
  /**
   * Command that leads to `stage()`, in place of a `deno` to run.
   * @default this program with `__stage` where it is compiled, none elsewhere
   */
  readonly stage?: readonly string[];
}

/** An episode that waits for a place in a process of its `company`. */
interface Waiting {
  readonly company: number;
  readonly settle: (result: Promise<EpisodeResult>) => void;
  readonly job: EpisodeJob;
}

/**
 * Most episodes in a process, by the times that an episode was displaced: suspects are parted until
 * the one that kills its process is alone.
 */
const COMPANY = [Infinity, 8, 1];
/** What Deno itself, code and buffers take beside the JavaScript heap. */
const BESIDE_HEAP_MIB = 256;

/**
 * Runs episodes in a small pool of fenced processes, each shared by many episodes, since agents wait
 * for the network most of the time. A process that dies is replaced.
 */
export class Runner implements EpisodeRunner, AsyncDisposable {
  readonly #spec: FenceSpec;
  readonly #options: Required<
    Pick<RunnerOptions, "processes" | "heartbeatSeconds" | "graceSeconds">
  >;
  readonly #fences = new Set<Fence>();
  #waiting = new Set<Waiting>();
  #closed = false;

  private constructor(spec: FenceSpec, options: RunnerOptions) {
    const { inspector, heartbeatSeconds = 15, graceSeconds = 5 } = options;
    const { processes = 2 } = inspector ? { processes: 1 } : options;
    this.#spec = spec;
    this.#options = { processes, heartbeatSeconds, graceSeconds };
  }

  /**
   * Loads the user's code once, to see that it can be.
   *
   * @throws {UserError} If it cannot: a missing file, a syntax error, no usable default export.
   */
  static async open(options: RunnerOptions): Promise<Runner> {
    const {
      gateway,
      allow = {},
      memoryMiB = 1024,
      heartbeatSeconds = 15,
      inspector,
      cached = false,
      stage = compiledStage(),
    } = options;
    if (inspector && stage !== undefined) {
      throw new UserError(
        "The compiled program cannot let a debugger into the workflow's process: run cli.ts with Deno",
      );
    }
    const code = await locateCode(options);
    if (stage === undefined && !cached) await cacheModules(code);
    const runner = new Runner({
      code,
      gateway,
      allow,
      memoryMiB,
      beatSeconds: heartbeatSeconds / 8,
      ...(inspector && { inspector }),
      ...(stage !== undefined && { stage }),
    }, options);
    const cancel = () => void runner[Symbol.asyncDispose]();
    options.signal?.addEventListener("abort", cancel, { once: true });
    try {
      const { ready } = runner.#spawn(Infinity);
      if (options.signal?.aborted) cancel();
      await ready;
      return runner;
    } catch (error) {
      await runner[Symbol.asyncDispose]();
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", cancel);
    }
  }

  /**
   * Runs one episode to its end; see `EpisodeRunner`.
   *
   * @throws {ASTunerError} If the runner is closed.
   */
  async run(job: EpisodeJob): Promise<EpisodeResult> {
    if (this.#closed) throw closed();
    const { displaced = 0 } = job;
    const company = COMPANY[Math.min(displaced, COMPANY.length - 1)]!;
    return await (this.#pick(company)?.run(job) ?? this.#wait(job, company));
  }

  /** Kills every process, and waits until nothing of them is left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    for (const { settle } of this.#waiting) settle(Promise.reject(closed()));
    this.#waiting.clear();
    await Promise.all(
      [...this.#fences].map((fence) => fence[Symbol.asyncDispose]()),
    );
  }

  /** A process with a place to spare, perhaps a new one. */
  #pick(company: number): Fence | undefined {
    const peers = [...this.#fences]
      .filter((fence) => fence.company === company && !fence.retired)
      .sort((a, b) => a.load - b.load);
    const idlest = peers[0];
    if (idlest?.load === 0) return idlest;
    if (peers.length < this.#options.processes) return this.#spawn(company);
    return idlest!.load < company ? idlest : undefined;
  }

  #spawn(company: number): Fence {
    const { heartbeatSeconds, graceSeconds } = this.#options;
    const { allow, memoryMiB, inspector } = this.#spec;
    const fence = new Fence(fenceCommand(this.#spec), {
      company,
      allow,
      heartbeatSeconds,
      graceSeconds,
      patient: inspector !== undefined,
      residentMiB: memoryMiB + BESIDE_HEAP_MIB,
      onChange: () => this.#dispatch(),
    });
    this.#fences.add(fence);
    fence.ended.then(() => this.#fences.delete(fence));
    return fence;
  }

  #wait(job: EpisodeJob, company: number): Promise<EpisodeResult> {
    const { promise, resolve: settle } = Promise.withResolvers<EpisodeResult>();
    const { signal } = job;
    const waiting: Waiting = { job, company, settle };
    const cancel = () => {
      if (!this.#waiting.delete(waiting)) return;
      settle(Promise.try(cancelled, signal?.reason, ""));
    };
    this.#waiting.add(waiting);
    signal?.addEventListener("abort", cancel, { once: true });
    if (signal?.aborted) cancel();
    return promise.finally(() => signal?.removeEventListener("abort", cancel));
  }

  /** Gives free places to those who wait, and ends processes that no suspect needs. */
  #dispatch(): void {
    if (this.#closed) return;
    for (const waiting of this.#waiting) {
      const fence = this.#pick(waiting.company);
      if (fence === undefined) continue;
      this.#waiting.delete(waiting);
      waiting.settle(fence.run(waiting.job));
    }
    for (const fence of this.#fences) {
      const spare = fence.company < Infinity && fence.load === 0;
      if (spare && !fence.retired) fence.retire();
    }
  }
}

function closed(): ASTunerError {
  return new ASTunerError("The runner is closed");
}

/** In the compiled program there is no `deno` to run, so it runs itself. */
function compiledStage(): readonly string[] | undefined {
  return Deno.build.standalone ? [Deno.execPath(), "__stage"] : undefined;
}
