import { isAbsolute } from "node:path";
import type { SourceExcerpt } from "./types.ts";

/** Where errors say that they happened: `at /agent.ts:12:5`, the column left out by Python's. */
const PLACE = /^ {4}at (.+?):(\d+)(?::(\d+))?$/m;

/** Lines before and after the one at fault. */
const AROUND = 2;

/** The line of the user's code that an error message names; undefined where none can be read. */
export function sourceExcerpt(message: string): SourceExcerpt | undefined {
  const [, path, row, column] = PLACE.exec(message) ?? [];
  if (path === undefined || !isAbsolute(path)) return undefined;
  const line = Number(row);
  const lines = read(path);
  if (lines === undefined || line > lines.length) return undefined;
  const first = Math.max(1, line - AROUND);
  return {
    path,
    line,
    ...(column !== undefined && { column: Number(column) }),
    first,
    text: lines.slice(first - 1, line + AROUND),
  };
}

function read(path: string): string[] | undefined {
  try {
    return Deno.readTextFileSync(path).trimEnd().split("\n");
  } catch {
    return undefined; // it is the message that matters
  }
}
