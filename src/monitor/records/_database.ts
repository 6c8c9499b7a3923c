import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { UserError } from "../../errors.ts";
import schema from "./_schema.sql" with { type: "text" };

/** Changes with the tables; a file of another version is not read, but for those in `UPGRADES`. */
const VERSION = 3;

/** What makes the tables of an earlier version those of the next; without it they can be read all the same. */
const UPGRADES: ReadonlyMap<number, string> = new Map([
  [1, "ALTER TABLE calls ADD COLUMN adapter TEXT"],
  [2, "ALTER TABLE groups ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}'"],
]);

/** File of the records in a run directory. */
export const RECORDS = "records.sqlite";

/** Milliseconds to wait for another process that holds the file. */
const PATIENCE = 10_000;

/** Opens the records of a run for writing, new ones where there are none. */
export function openForWriting(directory: string): DatabaseSync {
  const path = join(directory, RECORDS);
  const database = new DatabaseSync(path, { timeout: PATIENCE });
  try {
    readRecords(directory, () => versionOf(database));
    // Readers go on while a step is written. Without a sync at each commit a power cut may cost the
    // last steps, a killed process nothing.
    // The log is emptied when nobody waits for it; see RecordTables.
    database.exec(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0",
    );
    if (versionOf(database) === 0) {
      transact(database, () => {
        database.exec(`${schema}; PRAGMA user_version = ${VERSION}`);
      });
    }
    checkVersion(database, path);
    for (let version = versionOf(database); version < VERSION; version++) {
      const upgrade = `${UPGRADES.get(version)}; PRAGMA user_version = ${
        version + 1
      }`;
      transact(database, () => database.exec(upgrade));
    }
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Opens the records of a run for reading, also while another process writes them.
 *
 * @throws {UserError} If there are none, or another version of the program wrote them.
 */
export function openForReading(directory: string): DatabaseSync {
  const path = join(directory, RECORDS);
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path, { readOnly: true, timeout: PATIENCE });
  } catch (cause) {
    throw new UserError(
      `No records in ${directory}: give the directory of a run, which holds a file ${RECORDS}`,
      { cause },
    );
  }
  try {
    readRecords(directory, () => checkVersion(database, path));
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/**
 * Runs `work`, which reads the records of a run.
 *
 * @throws {UserError} If their file is damaged, in place of SQLite's error.
 */
export function readRecords<T>(directory: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    const isDamage = cause instanceof Error &&
      /file is not a database|disk image is malformed/.test(cause.message);
    if (!isDamage) throw cause;
    throw new UserError(
      `${
        join(directory, RECORDS)
      } is damaged: ${cause.message}. The run does not need it, ` +
        "nor does a resume: metrics and checkpoints are files of their own; move it away",
      { cause },
    );
  }
}

/**
 * Runs `work` in one transaction: all of it is written, or nothing.
 *
 * @throws {UserError} If the disk is full.
 */
export function transact<T>(database: DatabaseSync, work: () => T): T {
  try {
    database.exec("BEGIN IMMEDIATE");
    const result = work();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw explained(error, database.location() ?? RECORDS);
  }
}

/** A full disk, told as every other write of a run tells it. */
function explained(error: unknown, path: string): unknown {
  // Its code does not come with the error; its words are SQLite's own.
  const full = error instanceof Error && /disk is full/.test(error.message);
  if (!full) return error;
  return new UserError(
    `Cannot write ${path}: the disk is full; free some space and resume the run`,
    { cause: error },
  );
}

function versionOf(database: DatabaseSync): number {
  const row = database.prepare("PRAGMA user_version").get();
  return Number(row!.user_version);
}

function checkVersion(database: DatabaseSync, path: string): void {
  const version = versionOf(database);
  if (version === VERSION || UPGRADES.has(version)) return;
  throw new UserError(
    `${path} has records of version ${version}, and this program reads version ${VERSION}: ` +
      `look at the run with the program that wrote it`,
  );
}
