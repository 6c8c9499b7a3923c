import { explainWrite } from "./explain_write.ts";

/** Writes a file whole or not at all: beside it first, then in its place. */
export async function replaceFile(
  path: string,
  write: (file: Deno.FsFile) => Promise<void>,
): Promise<void> {
  const temporary = `${path}.tmp`;
  await explainWrite(path, async () => {
    try {
      using file = await Deno.open(temporary, {
        write: true,
        create: true,
        truncate: true,
      });
      await write(file);
    } catch (error) {
      await Deno.remove(temporary).catch(() => {});
      throw error;
    }
    await Deno.rename(temporary, path);
  });
}

/** Writes all of `bytes` at the file's position. */
export async function writeAll(
  file: Deno.FsFile,
  bytes: Uint8Array,
): Promise<void> {
  for (let sent = 0; sent < bytes.length;) {
    sent += await file.write(bytes.subarray(sent));
  }
}
