import { DataError } from "../errors.ts";
import { fetchReason } from "../fetch_reason.ts";
import { closest } from "./_closest.ts";

/** One row of a JSONL file. */
export interface JsonlRow {
  /** The parsed JSON value of the line. */
  readonly value: unknown;
  /** `file:line`, for messages. */
  readonly where: string;
  /** Line number, from 1. */
  readonly line: number;
}

const NEWLINE = 10;

/**
 * Reads a JSONL file, local or by `http(s)` URL, and skips blank lines.
 *
 * @throws {DataError} If the file is missing, empty, not text, or a line is not JSON.
 */
export async function readJsonl(path: string | URL): Promise<JsonlRow[]> {
  const name = displayName(path);
  const bytes = await readBytes(path, name);
  refuseBinary(bytes, name);
  const rows = [...parseLines(bytes, name)];
  if (rows.length === 0) {
    throw new DataError(
      `${name}: the file is empty. It must hold one JSON object on each line, such as ` +
        `{"query": "What is 2 + 3?", "answer": 5}`,
    );
  }
  return rows;
}

function* parseLines(bytes: Uint8Array, name: string): Generator<JsonlRow> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let start = 0, line = 1; start < bytes.length; line++) {
    const newline = bytes.indexOf(NEWLINE, start);
    const end = newline < 0 ? bytes.length : newline;
    const where = `${name}:${line}`;
    const text = decodeLine(decoder, bytes.subarray(start, end), where);
    if (text !== "") {
      yield { value: parseLine(text, where, newline < 0), where, line };
    }
    start = end + 1;
  }
}

function decodeLine(
  decoder: TextDecoder,
  bytes: Uint8Array,
  where: string,
): string {
  try {
    return decoder.decode(bytes).trim();
  } catch (cause) {
    throw new DataError(
      `${where}: the line is not UTF-8 text. Save the file as UTF-8`,
      { cause },
    );
  }
}

function parseLine(text: string, where: string, unended: boolean): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    if (text === "{" || text.startsWith("[")) {
      throw new DataError(
        `${where}: the file is JSON, not JSONL. Put each task on a line of its own, for instance ` +
          `with jq -c '.[]'`,
        { cause },
      );
    }
    if (unended) {
      throw new DataError(
        `${where}: the last line is half-written (${reason}). Complete it or delete it`,
        { cause },
      );
    }
    throw new DataError(`${where}: the line is not JSON: ${reason}`, { cause });
  }
}

async function readBytes(
  path: string | URL,
  name: string,
): Promise<Uint8Array> {
  if (path instanceof URL && path.protocol !== "file:") {
    return await fetchBytes(path);
  }
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      const near = await nearbyFile(name);
      throw new DataError(
        `${name}: there is no such file${
          near === undefined ? "" : `. Did you mean ${near}?`
        }`,
        { cause },
      );
    }
    throw new DataError(
      `${name}: cannot read the file: ${(cause as Error).message}`,
      { cause },
    );
  }
}

async function fetchBytes(url: URL): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (cause) {
    throw new DataError(
      `${url}: cannot reach the server: ${fetchReason(cause)}`,
      { cause },
    );
  }
  if (!response.ok) {
    await response.body?.cancel();
    throw new DataError(`${url}: the server answered ${response.status}`);
  }
  return await response.bytes();
}

function refuseBinary(bytes: Uint8Array, name: string): void {
  const head = bytes.subarray(0, 4096);
  if (head[0] === 0x1f && head[1] === 0x8b) {
    throw new DataError(`${name}: the file is compressed. Run gunzip on it`);
  }
  if (head.includes(0)) {
    throw new DataError(
      `${name}: the file is binary. Tasks are read from JSONL: one JSON object on each line`,
    );
  }
}

/** A file beside the missing one with a name much like it. */
async function nearbyFile(path: string): Promise<string | undefined> {
  const slash = path.lastIndexOf("/");
  const folder = path.slice(0, slash + 1);
  try {
    const names: string[] = [];
    for await (const entry of Deno.readDir(folder || ".")) {
      if (entry.isFile) names.push(entry.name);
    }
    const near = closest(path.slice(slash + 1), names.sort());
    return near === undefined ? undefined : folder + near;
  } catch {
    return undefined;
  }
}

function displayName(path: string | URL): string {
  if (typeof path === "string") return path;
  return path.protocol === "file:" ? decodeURI(path.pathname) : path.href;
}
