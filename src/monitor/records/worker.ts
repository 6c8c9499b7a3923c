/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/**
 * The records' own thread: rows take a while to insert, a disk may take longer, and no step should
 * wait for them.
 */
import { UserError } from "../../errors.ts";
import type { GroupRows } from "./_group_rows.ts";
import type { Command, Report } from "./_protocol.ts";
import { RecordTables } from "./_record_tables.ts";

let tables: RecordTables;

/** Groups of batches that are not written yet, by the batch's number. */
const held = new Map<number, GroupRows[]>();

self.onmessage = async ({ data }: MessageEvent<Command>) => {
  if (data.kind === "group") {
    const groups = held.get(data.batch);
    if (groups) groups.push(data.rows);
    else held.set(data.batch, [data.rows]);
    return;
  }
  const began = performance.now();
  try {
    await obey(data);
    post({ kind: "done", seconds: (performance.now() - began) / 1000 });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    post({ kind: "refused", message: error.message });
  }
  if (data.kind === "step" || data.kind === "evaluation") tables.emptyLog();
};

async function obey(command: Exclude<Command, { kind: "group" }>) {
  switch (command.kind) {
    case "open":
      tables = await RecordTables.open(command.directory, command.options);
      break;
    case "batch": {
      const groups = held.get(command.batch) ?? [];
      held.delete(command.batch);
      tables.writeBatch(command.step, groups);
      break;
    }
    case "step":
      tables.writeStep(command.record);
      break;
    case "evaluation":
      tables.writeEvaluation(command.evaluation);
      break;
    case "cut":
      tables.cutAfter(command.step);
      break;
    case "close":
      tables[Symbol.dispose]();
      break;
    default:
      command satisfies never;
  }
}

function post(message: Report): void {
  self.postMessage(message);
}
