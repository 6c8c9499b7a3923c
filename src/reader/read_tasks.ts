import { DataError } from "../errors.ts";
import { type CheckedTask, toTask } from "./_to_task.ts";
import { readJsonl } from "./read_jsonl.ts";
import { shuffled } from "./shuffled.ts";
import type { Split, Task, TaskSet, TaskSource } from "./task.ts";

/** Where tasks come from, and which of them are held out. */
export interface ReadTasksOptions {
  /** A JSONL file, by path or URL, or a function that returns rows. */
  readonly source: string | URL | TaskSource;
  /** A source of held-out tasks; then `source` holds training tasks only. @default none */
  readonly validation?: string | URL | TaskSource;
  /** Field that holds `"train"` or `"validation"`; without it a row is for training. @default "split" */
  readonly splitKey?: string;
  /** Share of `source` held out at random, in [0, 1). @default 0 */
  readonly validationRatio?: number;
  /** Seed of that choice. @default 0 */
  readonly seed?: number;
}

interface Row {
  readonly task: CheckedTask;
  readonly where: string;
}

/**
 * Reads, checks and splits tasks: by file if `validation` is given, else by `validationRatio` if
 * that is above 0, else by `splitKey`.
 *
 * A row has `query` or `messages`, and perhaps `id`, `metadata` and the split; every other field
 * becomes metadata. A row without an id is called by its line number.
 *
 * @throws {DataError} If a source is missing, empty or malformed, or the split contradicts itself.
 */
export async function readTasks(options: ReadTasksOptions): Promise<TaskSet> {
  const {
    source,
    validation,
    splitKey = "split",
    validationRatio = 0,
    seed = 0,
  } = options;
  if (!(validationRatio >= 0 && validationRatio < 1)) {
    throw new DataError(
      `The share of held-out tasks must be at least 0 and below 1: it is ${validationRatio}`,
    );
  }
  if (validation !== undefined && validationRatio > 0) {
    throw new DataError(
      "Held-out tasks come either from a source of their own or by a ratio, not both",
    );
  }
  const rows = await readRows(source, splitKey);
  if (validation !== undefined) {
    const heldOut = await readRows(validation, splitKey);
    return {
      train: rows.map((row) => assigned(row, "train")),
      validation: heldOut.map((row) => assigned(row, "validation")),
    };
  }
  return validationRatio > 0
    ? splitByRatio(rows, validationRatio, seed)
    : splitByKey(rows);
}

function splitByKey(rows: readonly Row[]): TaskSet {
  const tasks = rows.map(({ task }): Task => ({ split: "train", ...task }));
  return {
    train: tasks.filter(({ split }) => split === "train"),
    validation: tasks.filter(({ split }) => split === "validation"),
  };
}

function splitByRatio(
  rows: readonly Row[],
  ratio: number,
  seed: number,
): TaskSet {
  if (rows.length < 2) {
    throw new DataError(
      `${rows[0]!.where}: one task cannot be split. Add tasks, or hold ` +
        "none out",
    );
  }
  const keyed = rows.find(({ task }) => task.split !== undefined);
  if (keyed !== undefined) {
    throw new DataError(
      `${keyed.where}: the task says its split itself. Hold tasks out by that or ` +
        "by a ratio, not both",
    );
  }
  const wanted = Math.round(rows.length * ratio);
  const count = Math.min(Math.max(wanted, 1), rows.length - 1);
  const heldOut = new Set(shuffled(rows, seed).slice(0, count));
  return {
    train: rows.filter((row) => !heldOut.has(row))
      .map((row) => assigned(row, "train")),
    validation: rows.filter((row) => heldOut.has(row))
      .map((row) => assigned(row, "validation")),
  };
}

/** The row's task in `split`, unless the row itself says otherwise. */
function assigned(row: Row, split: Split): Task {
  const { task, where } = row;
  if (task.split !== undefined && task.split !== split) {
    throw new DataError(
      `${where}: the task says it is for ${task.split}, but its file is read ` +
        `for ${split}. Move the task, or take its split out`,
    );
  }
  return { ...task, split };
}

async function readRows(
  source: string | URL | TaskSource,
  splitKey: string,
): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (value: unknown, where: string, number: number): void => {
    const defaultId = String(number);
    rows.push({ task: toTask(value, { where, defaultId, splitKey }), where });
  };
  if (typeof source !== "function") {
    for (const row of await readJsonl(source)) {
      add(row.value, row.where, row.line);
    }
    return rows;
  }
  for await (const value of await source()) {
    const number = rows.length + 1;
    add(value, `task ${number} of the reader`, number);
  }
  if (rows.length === 0) throw new DataError("The reader returned no tasks");
  return rows;
}
