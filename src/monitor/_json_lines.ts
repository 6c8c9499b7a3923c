import { UserError } from "../errors.ts";
import { replaceFile, writeAll } from "./_replace_file.ts";
import { explainWrite } from "./explain_write.ts";

/** Appends one object as a line; a line that cannot be written whole is taken back. */
export async function appendJsonLine(
  path: string,
  value: unknown,
): Promise<void> {
  await explainWrite(path, async () => {
    using file = await Deno.open(path, { append: true, create: true });
    const { size } = await file.stat();
    try {
      await writeAll(file, new TextEncoder().encode(toLine(value)));
    } catch (error) {
      await file.truncate(size).catch(() => {});
      throw error;
    }
  });
}

/**
 * Reads a file of lines; none where it is missing. A last line without its end was being written
 * when the program was killed, and is left out.
 *
 * @throws {UserError} If any other line is not JSON.
 */
export async function readJsonLines(path: string): Promise<unknown[]> {
  return (await readWholeLines(path)).map((line, index) => {
    try {
      return JSON.parse(line);
    } catch (cause) {
      throw new UserError(
        `${path}:${
          index + 1
        }: Not a JSON object: remove the line, or start a new run`,
        { cause },
      );
    }
  });
}

/** Keeps the lines of a file whose value satisfies `keep`, unchanged, and drops the others. */
export async function filterJsonLines(
  path: string,
  keep: (value: unknown) => boolean,
): Promise<void> {
  const kept = (await readJsonLines(path)).filter(keep);
  const bytes = new TextEncoder().encode(kept.map(toLine).join(""));
  await replaceFile(path, (file) => writeAll(file, bytes));
}

async function readWholeLines(path: string): Promise<string[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return text.slice(0, text.lastIndexOf("\n") + 1).split("\n").slice(0, -1);
}

function toLine(value: unknown): string {
  return JSON.stringify(value) + "\n";
}
