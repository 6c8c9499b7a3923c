import { ModelError } from "../errors.ts";

/** Bytes of a file to read. */
export interface FileRange {
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/**
 * Reads `byteLength` bytes of a file.
 *
 * @throws {ModelError} If the file cannot be read or is shorter.
 */
export async function readRange(
  range: FileRange,
): Promise<Uint8Array<ArrayBuffer>> {
  const { file, offset, byteLength } = range;
  try {
    using handle = await Deno.open(file);
    await handle.seek(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(byteLength);
    let filled = 0;
    while (filled < byteLength) {
      const read = await handle.read(bytes.subarray(filled));
      if (read === null) throw endsEarly(range, filled);
      filled += read;
    }
    return bytes;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

/** As {@linkcode readRange}, at once: for a thread that does nothing else. */
export function readRangeSync(
  range: FileRange,
): Uint8Array<ArrayBuffer> {
  const { file, offset, byteLength } = range;
  try {
    using handle = Deno.openSync(file);
    handle.seekSync(offset, Deno.SeekMode.Start);
    const bytes = new Uint8Array(byteLength);
    let filled = 0;
    while (filled < byteLength) {
      const read = handle.readSync(bytes.subarray(filled));
      if (read === null) throw endsEarly(range, filled);
      filled += read;
    }
    return bytes;
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

function endsEarly(range: FileRange, filled: number): ModelError {
  const { file, offset, byteLength } = range;
  return new ModelError(
    `${file} ends at byte ${offset + filled}, ${
      byteLength - filled
    } bytes too early`,
  );
}

function unreadable(file: string, cause: unknown): ModelError {
  if (cause instanceof ModelError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ModelError(`Cannot read ${file}: ${reason}`, { cause });
}
