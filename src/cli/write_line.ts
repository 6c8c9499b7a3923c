import { UserError } from "../errors.ts";

/** Nobody reads standard output any more, as after `| head`. */
export class OutputClosed extends Error {
  /** Stands before the message. */
  override name = "OutputClosed";
}

/**
 * Writes a line to standard output at once; `console.log` would say nothing of a reader that is gone.
 *
 * @throws {OutputClosed} If nobody reads it any more.
 * @throws {UserError} If it cannot be written, as to a full disk.
 */
export function writeLine(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  try {
    for (let written = 0; written < bytes.length;) {
      written += Deno.stdout.writeSync(bytes.subarray(written));
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.BrokenPipe) {
      throw new OutputClosed("Standard output is closed", { cause });
    }
    throw new UserError(
      `Cannot write to standard output: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/**
 * Writes lines to standard output for a command whose work lies elsewhere: where they cannot be written it goes on
 * without, and says so once on standard error.
 */
export function lineReporter(): (text: string) => void {
  let open = true;
  return (text) => {
    if (!open) return;
    try {
      writeLine(text);
    } catch (error) {
      open = false;
      console.error(`${(error as Error).message}; going on without it`);
    }
  };
}
