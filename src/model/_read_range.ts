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
      if (read === null) {
        throw new ModelError(
          `${file} ends at byte ${offset + filled}, ${
            byteLength - filled
          } bytes too early`,
        );
      }
      filled += read;
    }
    return bytes;
  } catch (cause) {
    if (cause instanceof ModelError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelError(`Cannot read ${file}: ${reason}`, { cause });
  }
}
