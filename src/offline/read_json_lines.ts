import { DataError } from "../errors.ts";

/** Longest line, in UTF-16 units: a file without line breaks is to end in a message, not in memory. */
const LONGEST = 2 ** 26;

/** A line of a file: a JSON object whose fields have not been checked yet. */
export interface JsonLine {
  readonly fields: Readonly<Record<string, unknown>>;
  /** `file:line`, for messages. */
  readonly where: string;
}

/**
 * The JSON objects on the lines of a file, as they are read; blank lines are skipped.
 *
 * @param path A file, or `-` for standard input.
 * @throws {DataError} If the file cannot be read, or a line is no JSON object.
 */
export async function* readJsonLines(path: string): AsyncGenerator<JsonLine> {
  const name = path === "-" ? "standard input" : path;
  let line = 0;
  for await (const text of lines(await open(path), name)) {
    line++;
    if (text.trim() === "") continue;
    const where = `${name}:${line}`;
    yield { fields: parse(text, where), where };
  }
}

async function open(path: string): Promise<ReadableStream<Uint8Array>> {
  if (path === "-") return Deno.stdin.readable;
  try {
    const { isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new DataError(`${path}: this is a folder, no file`);
    return (await Deno.open(path)).readable;
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    const why = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : `the file cannot be read: ${(cause as Error).message}`;
    throw new DataError(`${path}: ${why}`, { cause });
  }
}

async function* lines(
  bytes: ReadableStream<Uint8Array>,
  name: string,
): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  // In pieces, so that a long line is not copied with every chunk of it.
  let begun: string[] = [];
  let length = 0;
  let line = 1;
  const decode = (chunk?: Uint8Array) => {
    try {
      return decoder.decode(chunk, { stream: chunk !== undefined });
    } catch (cause) {
      throw new DataError(`${name}: the file is not UTF-8 text`, { cause });
    }
  };
  for await (const chunk of bytes) {
    const [first, ...rest] = decode(chunk).split("\n");
    begun.push(first!);
    length += first!.length;
    for (const next of rest) {
      yield begun.join("");
      begun = [next];
      length = next.length;
      line++;
    }
    if (length > LONGEST) {
      throw new DataError(
        `${name}:${line}: the line has more than ${LONGEST} characters`,
      );
    }
  }
  begun.push(decode());
  yield begun.join("");
}

function parse(text: string, where: string): JsonLine["fields"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new DataError(
      `${where}: the line is not JSON: ${(cause as Error).message}`,
      { cause },
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new DataError(`${where}: the line must be a JSON object`);
  }
  return value as JsonLine["fields"];
}
