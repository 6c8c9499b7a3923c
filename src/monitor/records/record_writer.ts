import type { DatabaseSync } from "node:sqlite";
import type { Group } from "../../rollout/mod.ts";
import type { Evaluation, StepRecord } from "../events.ts";
import { explainWrite } from "../explain_write.ts";
import { openForWriting, transact } from "./_database.ts";
import { EpisodeStatements } from "./_episode_statements.ts";
import { dropDetails, forgetAfter } from "./_retention.ts";
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
 * SQLite file of its directory. Each method is one transaction, so a reader, or a program that was
 * killed, finds a step whole or not at all.
 */
export class RecordWriter implements Disposable {
  readonly #database: DatabaseSync;
  readonly #episodes: EpisodeStatements;
  readonly #retention: Retention;

  private constructor(database: DatabaseSync, options: RecordWriterOptions) {
    this.#database = database;
    this.#retention = options.retention ?? {};
    this.#episodes = new EpisodeStatements(database, options.tokenText);
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
    return await explainWrite(directory, () =>
      Promise.try(() => {
        const database = openForWriting(directory);
        const put = database.prepare(
          "INSERT OR REPLACE INTO meta VALUES (?, ?)",
        );
        for (const [key, value] of Object.entries(options.about ?? {})) {
          put.run(key, value);
        }
        return new RecordWriter(database, options);
      }));
  }

  /** Records a batch of episodes, and drops older ones that are not to be kept. */
  writeBatch(batch: RecordedBatch): void {
    transact(this.#database, () => {
      for (const group of batch.groups) this.#episodes.writeGroup(group, batch);
      dropDetails(this.#database, batch.step, this.#retention);
    });
  }

  /** Records a finished step. */
  writeStep(record: StepRecord): void {
    const { step, seconds } = record;
    transact(this.#database, () => {
      this.#database.prepare("INSERT OR REPLACE INTO steps VALUES (?, ?)")
        .run(step, JSON.stringify(record));
      const put = this.#database
        .prepare("INSERT OR REPLACE INTO timings VALUES (?, ?, ?)");
      for (const [stage, time] of Object.entries(seconds)) {
        put.run(step, stage, time);
      }
    });
  }

  /** Records a finished evaluation. */
  writeEvaluation(evaluation: Evaluation): void {
    transact(this.#database, () => {
      this.#database.prepare("INSERT OR REPLACE INTO evaluations VALUES (?, ?)")
        .run(evaluation.step, JSON.stringify(evaluation));
    });
  }

  /** Forgets what happened after `step`, where a run goes on from there. */
  cutAfter(step: number): void {
    transact(this.#database, () => forgetAfter(this.#database, step));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#database.close();
  }
}
