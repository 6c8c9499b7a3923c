/** Runs `use` with the path of a fresh folder, which is removed afterwards. */
export async function withFolder(
  use: (folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
