import { exists } from "./_files.ts";
import { syncFolder, writeAll } from "./_replace_file.ts";

/**
 * Makes a folder that is whole at any time: `write` fills one under another name beside `path`, which
 * is flushed to the disk and renamed at the end.
 *
 * A folder that stood there before is replaced; should the program be killed between the two renames
 * that this takes, it is left under the name `path` with `.old`.
 */
export async function buildFolder(
  path: string,
  write: (building: string) => Promise<void>,
): Promise<void> {
  const target = path.replace(/\/+$/, "");
  const building = `${target}.partial`;
  await removeFolder(building);
  await Deno.mkdir(building, { recursive: true });
  try {
    await write(building);
    await syncFolder(building);
    await replaceFolder(building, target);
  } catch (error) {
    await removeFolder(building);
    throw error;
  }
}

/** Writes a text file and flushes it to the disk. */
export async function writeText(path: string, text: string): Promise<void> {
  using file = await Deno.create(path);
  await writeAll(file, new TextEncoder().encode(text));
  await file.sync();
}

async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.old`;
  if (await exists(to)) {
    await removeFolder(old);
    await Deno.rename(to, old);
  }
  await Deno.rename(from, to);
  await syncFolder(to.slice(0, to.lastIndexOf("/") + 1) || ".");
  await removeFolder(old);
}

async function removeFolder(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
