import { join } from "node:path";

/** Where a run goes that names no directory: `runs/NAME-DATE-TIME` in the current folder. */
export function newRunDirectory(name: string): string {
  const now = new Date().toISOString().slice(0, 19);
  const stamp = now.replaceAll(/[-:]/g, "").replace("T", "-");
  return join("runs", `${name}-${stamp}`);
}
