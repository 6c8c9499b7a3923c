import { UserError } from "../../errors.ts";
import type { Group } from "../../rollout/mod.ts";
import { Stretches } from "../_stretches.ts";
import { Thread } from "../_thread.ts";
import type { Evaluation, StepRecord } from "../events.ts";
import { GroupRowMaker } from "./_group_rows.ts";
import type { Command, Report } from "./_protocol.ts";
import type { BatchKind, FindScores, Retention, TokenText } from "./types.ts";

/** How records are written. */
export interface RecordWriterOptions {
  /** What each token id stands for. */
  readonly tokenText: (id: number) => TokenText;
  /** What the dashboard says about the run: its model and its resolved configuration, as YAML. */
  readonly about?: Readonly<Record<"model" | "config", string>>;
  /** Which steps keep their episodes. @default {{}}: all do */
  readonly retention?: Retention;
}

/** A batch of episodes to record. */
export interface RecordedBatch {
  /** Step it belongs to; 0 before training. */
  readonly step: number;
  /** What it was run for. */
  readonly kind: BatchKind;
  /** In order. */
  readonly groups: readonly Group[];
  /** Finds what the trainer knew of a call. @default nothing is known */
  readonly findScores?: FindScores;
}

/**
 * Writes the records of a run: steps, evaluations, groups, episodes, calls and their tokens, in one
 * SQLite file of its directory, from a thread of its own. Each method is one transaction, written
 * once its promise is fulfilled, so a reader, or a program that was killed, finds a step whole or
 * not at all.
 *
 * Every method throws a `UserError` where the disk is full; nothing of it is written then.
 */
export class RecordWriter implements AsyncDisposable {
  readonly #thread: Thread<Command, Report>;
  readonly #rows: GroupRowMaker;
  #batches = 0;

  private constructor(
    thread: Thread<Command, Report>,
    { tokenText }: RecordWriterOptions,
  ) {
    this.#thread = thread;
    this.#rows = new GroupRowMaker(tokenText);
  }

  /**
   * Opens the records in a run's directory, new ones where there are none.
   *
   * @throws {UserError} If they cannot be written, or another version of the program wrote them.
   */
  static async open(
    directory: string,
    options: RecordWriterOptions,
  ): Promise<RecordWriter> {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      type: "module",
    });
    const thread = new Thread<Command, Report>(worker, "Writing the records");
    const writer = new RecordWriter(thread, options);
    try {
      const { about = {}, retention = {} } = options;
      await writer.#ask({
        kind: "open",
        directory,
        options: { about, retention },
      });
      return writer;
    } catch (error) {
      await thread.end();
      throw error;
    }
  }

  /**
   * Records a batch of episodes, and drops older ones that are not to be kept. This thread serves
   * others meanwhile; the episodes must stay as they are.
   *
   * @returns Seconds that this thread and the records' own were at work on it.
   */
  async writeBatch(
    { step, kind, groups, findScores }: RecordedBatch,
  ): Promise<number> {
    const context = { step, kind, ...(findScores && { findScores }) };
    const batch = ++this.#batches;
    const work = new Stretches();
    for (const group of groups) {
      const rows = this.#rows.make(group, context);
      this.#thread.post({ kind: "group", batch, rows }, [rows.blobs.buffer]);
      await work.rest();
    }
    const { seconds } = work;
    return seconds + await this.#ask({ kind: "batch", batch, step });
  }

  /** Records a finished step. */
  async writeStep(record: StepRecord): Promise<void> {
    await this.#ask({ kind: "step", record });
  }

  /** Records a finished evaluation. */
  async writeEvaluation(evaluation: Evaluation): Promise<void> {
    await this.#ask({ kind: "evaluation", evaluation });
  }

  /** Forgets what happened after `step`, where a run goes on from there. */
  async cutAfter(step: number): Promise<void> {
    await this.#ask({ kind: "cut", step });
  }

  /** @returns Seconds that the records' thread was at work on it. */
  async #ask(command: Command): Promise<number> {
    const report = await this.#thread.ask(command);
    if (report.kind === "done") return report.seconds;
    throw new UserError(report.message);
  }

  /** Closes the file. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Whatever failed has been thrown where it was asked for.
    await this.#thread.ask({ kind: "close" }).catch(() => {});
    await this.#thread.end();
  }
}
