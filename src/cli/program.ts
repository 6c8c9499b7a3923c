import { basename, relative } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../../deno.json" with { type: "json" };

/** The program's version. */
export const VERSION: string = manifest.version;

/** What to type to run this program again, as it was run this time. */
export function programName(): string {
  const launcher = Deno.env.get("ASTUNER_PROGRAM");
  if (launcher) return launcher;
  if (Deno.build.standalone) return basename(Deno.execPath());
  const main = Deno.mainModule;
  const path = main.startsWith("file:")
    ? relative(Deno.cwd(), fileURLToPath(main))
    : main;
  return `deno run -A ${path}`;
}
