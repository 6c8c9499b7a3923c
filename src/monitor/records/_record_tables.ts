import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Evaluation, StepRecord } from "../events.ts";
import { explainWrite } from "../explain_write.ts";
import { openForWriting, transact } from "./_database.ts";
import { GroupInserter } from "./_group_inserter.ts";
import type { GroupRows } from "./_group_rows.ts";
import { dropDetails, forgetAfter } from "./_retention.ts";
import type { Retention } from "./types.ts";

/** What tables are opened with. */
export interface RecordTablesOptions {
  /** What the dashboard says about the run. */
  readonly about: Readonly<Record<string, string>>;
  /** Which steps keep their episodes. */
  readonly retention: Retention;
}

/** The file of a run's records, open for writing. Each method that writes is one transaction. */
export class RecordTables implements Disposable {
  readonly #database: DatabaseSync;
  readonly #groups: GroupInserter;
  readonly #retention: Retention;
  readonly #putMeta: StatementSync;
  readonly #putStep: StatementSync;
  readonly #putTiming: StatementSync;
  readonly #putEvaluation: StatementSync;

  private constructor(database: DatabaseSync, retention: Retention) {
    this.#database = database;
    this.#retention = retention;
    this.#groups = new GroupInserter(database);
    this.#putMeta = database.prepare(
      "INSERT OR REPLACE INTO meta VALUES (?, ?)",
    );
    this.#putStep = database.prepare(
      "INSERT OR REPLACE INTO steps VALUES (?, ?)",
    );
    this.#putTiming = database.prepare(
      "INSERT OR REPLACE INTO timings VALUES (?, ?, ?)",
    );
    this.#putEvaluation = database.prepare(
      "INSERT OR REPLACE INTO evaluations VALUES (?, ?)",
    );
  }

  /** Opens the records in a run's directory, new ones where there are none. */
  static async open(
    directory: string,
    { about, retention }: RecordTablesOptions,
  ): Promise<RecordTables> {
    return await explainWrite(directory, () =>
      Promise.try(() => {
        const tables = new RecordTables(openForWriting(directory), retention);
        for (const [key, value] of Object.entries(about)) {
          tables.#putMeta.run(key, value);
        }
        return tables;
      }));
  }

  /** Writes the groups of a batch, and drops episodes of earlier steps that are not to be kept. */
  writeBatch(step: number, groups: readonly GroupRows[]): void {
    transact(this.#database, () => {
      for (const group of groups) this.#groups.insert(group);
      dropDetails(this.#database, step, this.#retention);
    });
  }

  /** Writes a finished step. */
  writeStep(record: StepRecord): void {
    const { step, seconds } = record;
    transact(this.#database, () => {
      this.#putStep.run(step, JSON.stringify(record));
      for (const [stage, time] of Object.entries(seconds)) {
        this.#putTiming.run(step, stage, time);
      }
    });
  }

  /** Writes a finished evaluation. */
  writeEvaluation(evaluation: Evaluation): void {
    transact(this.#database, () => {
      this.#putEvaluation.run(evaluation.step, JSON.stringify(evaluation));
    });
  }

  /** Forgets what happened after `step`. */
  cutAfter(step: number): void {
    transact(this.#database, () => forgetAfter(this.#database, step));
  }

  /**
   * Moves what was written out of the log. That waits for the disk, and so does the first write into
   * an emptied log: both happen here, when nobody waits for it.
   */
  emptyLog(): void {
    try {
      this.#database.exec("PRAGMA wal_checkpoint(PASSIVE)");
      transact(this.#database, () => this.#putMeta.run("log", "emptied"));
    } catch {
      // It is safe in the log, and moves another time; a disk that is full fails the next write.
    }
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#database.close();
  }
}
