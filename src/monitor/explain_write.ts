import { UserError } from "../errors.ts";

/**
 * Runs `write`, and tells a full disk or a missing right as one plain message about `path`.
 *
 * @throws {UserError} If the file system refuses.
 */
export async function explainWrite<T>(
  path: string,
  write: () => Promise<T>,
): Promise<T> {
  try {
    return await write();
  } catch (cause) {
    const reason = explain(cause);
    if (reason === undefined) throw cause;
    throw new UserError(`Cannot write ${path}: ${reason}`, { cause });
  }
}

function explain(cause: unknown): string | undefined {
  if (!(cause instanceof Error)) return undefined;
  const code = "code" in cause ? cause.code : undefined;
  if (code === "ENOSPC" || code === "EDQUOT") {
    return "the disk is full; free some space, then try again or resume the run";
  }
  if (code === "EROFS" || cause instanceof Deno.errors.PermissionDenied) {
    return "writing there is not allowed; choose another folder";
  }
  if (cause instanceof Deno.errors.NotCapable) {
    return `Deno was started without the right to write there: ${cause.message}`;
  }
  return undefined;
}
