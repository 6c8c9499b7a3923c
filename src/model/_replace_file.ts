/**
 * Writes a file so that `path` never holds half of it: to a temporary name beside it, flushed to the
 * disk, then renamed. A failure leaves what stood there before.
 */
export async function replaceFile(
  path: string,
  write: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.partial`;
  try {
    using file = await Deno.create(temporary);
    await write(file);
    await file.sync();
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  await Deno.rename(temporary, path);
}

/** Writes all of `bytes`, however many calls it takes. */
export async function writeAll(
  file: Deno.FsFile,
  bytes: Uint8Array,
): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    written += await file.write(bytes.subarray(written));
  }
}

/** Flushes a folder's entries to the disk, where the system can. */
export async function syncFolder(path: string): Promise<void> {
  try {
    using folder = await Deno.open(path);
    await folder.sync();
  } catch {
    // Windows cannot open folders; there a rename is as durable as it gets.
  }
}
