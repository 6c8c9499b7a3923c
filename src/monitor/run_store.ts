import { join } from "node:path";
import { UserError } from "../errors.ts";
import {
  appendJsonLine,
  filterJsonLines,
  readJsonLines,
} from "./_json_lines.ts";
import { replaceFile, writeAll } from "./_replace_file.ts";
import type { Evaluation, StepRecord } from "./events.ts";
import { explainWrite } from "./explain_write.ts";

const CONFIG = "config.yaml";
const METRICS = "metrics.jsonl";
const EVALUATIONS = "evaluations.jsonl";
const CHECKPOINTS = "checkpoints";
const LOCK = "lock";

/**
 * A run's directory: the resolved configuration, one line a step in `metrics.jsonl`, one line an
 * evaluation in `evaluations.jsonl`, and `checkpoints/`. Records write their file beside these.
 *
 * Whatever moment the program is killed at, the directory can be reopened. One process at a time
 * holds it; the lock ends with the process.
 */
export class RunStore implements Disposable {
  /** Path of the run directory. */
  readonly directory: string;
  readonly #lock: Deno.FsFile;

  private constructor(directory: string, lock: Deno.FsFile) {
    this.directory = directory;
    this.#lock = lock;
  }

  /**
   * Starts a run in a new or empty directory.
   *
   * @param config The resolved configuration, as YAML.
   * @throws {UserError} If the directory holds a run already, or cannot be written.
   */
  static async create(directory: string, config: string): Promise<RunStore> {
    await RunStore.checkNew(directory);
    await explainWrite(
      directory,
      () => Deno.mkdir(join(directory, CHECKPOINTS), { recursive: true }),
    );
    return await RunStore.#open(directory, config);
  }

  /** @throws {UserError} If the directory holds a run already. */
  static async checkNew(directory: string): Promise<void> {
    if (!await exists(join(directory, CONFIG))) return;
    throw new UserError(
      `${directory} holds a run already: continue it with --resume ${directory}, ` +
        `or choose another --run-dir`,
    );
  }

  /**
   * Reopens a run that was stopped, finished or killed.
   *
   * @param config The configuration from now on, as YAML.
   * @throws {UserError} If there is no run, or another process is at work on it.
   */
  static async reopen(directory: string, config: string): Promise<RunStore> {
    if (!await exists(join(directory, CONFIG))) {
      throw new UserError(
        `No run in ${directory}: it has no ${CONFIG}; give --resume the directory of a run`,
      );
    }
    return await RunStore.#open(directory, config);
  }

  static async #open(directory: string, config: string): Promise<RunStore> {
    const store = new RunStore(directory, await lockDirectory(directory));
    try {
      const bytes = new TextEncoder().encode(config);
      await replaceFile(
        join(directory, CONFIG),
        (file) => writeAll(file, bytes),
      );
      return store;
    } catch (error) {
      store[Symbol.dispose]();
      throw error;
    }
  }

  /** Where the checkpoints are. */
  get checkpoints(): string {
    return join(this.directory, CHECKPOINTS);
  }

  /** The steps recorded so far, in order. */
  async steps(): Promise<StepRecord[]> {
    return await readJsonLines(this.#path(METRICS)) as StepRecord[];
  }

  /** The evaluations recorded so far, in order. */
  async evaluations(): Promise<Evaluation[]> {
    return await readJsonLines(this.#path(EVALUATIONS)) as Evaluation[];
  }

  /** Records a finished step. */
  async appendStep(record: StepRecord): Promise<void> {
    await appendJsonLine(this.#path(METRICS), record);
  }

  /** Records a finished evaluation. */
  async appendEvaluation(evaluation: Evaluation): Promise<void> {
    await appendJsonLine(this.#path(EVALUATIONS), evaluation);
  }

  /** Forgets what happened after `step`, and any half-written line. */
  async cutAfter(step: number): Promise<void> {
    const keep = (record: unknown) => (record as { step: number }).step <= step;
    await filterJsonLines(this.#path(METRICS), keep);
    await filterJsonLines(this.#path(EVALUATIONS), keep);
  }

  /** Lets another process have the directory. */
  [Symbol.dispose](): void {
    this.#lock.close();
  }

  #path(name: string): string {
    return join(this.directory, name);
  }
}

async function lockDirectory(directory: string): Promise<Deno.FsFile> {
  const path = join(directory, LOCK);
  const file = await explainWrite(
    path,
    () => Deno.open(path, { write: true, create: true }),
  );
  if (await file.tryLock(true)) return file;
  file.close();
  throw new UserError(
    `Another process is at work in ${directory}: wait for it, or choose another --run-dir`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
