import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { UserError } from "../errors.ts";
import { BUILT_IN_JUDGES } from "../judge/mod.ts";

/** Where the code of a run lies. */
export interface CodeLocation {
  readonly workflow: URL;
  /** A judge file, or the name of a built-in judge. */
  readonly judge?: URL | string;
  /** Folders of the local files among them. */
  readonly folders: readonly string[];
  /** The `deno.json` that governs the workflow: the nearest one at or above its folder. */
  readonly config?: string;
}

/** What names the code of a run. */
export interface LocateOptions {
  /** Absent where only the judge is asked. */
  readonly workflow?: string | URL;
  readonly judge?: string | URL;
}

const NO_WORKFLOW = new URL("./fenced/_no_workflow.ts", import.meta.url);

/**
 * Finds workflow, judge and configuration file.
 *
 * @throws {UserError} If a judge is neither a file nor the name of a built-in one.
 */
export async function locateCode(
  options: LocateOptions,
): Promise<CodeLocation> {
  const workflow = options.workflow === undefined
    ? undefined
    : toUrl(options.workflow);
  const judge = toJudge(options.judge);
  const files = [workflow, judge].filter((code) =>
    code instanceof URL && code.protocol === "file:"
  );
  const folders = files.map((file) => dirname(fileURLToPath(file!)));
  const main = workflow ?? judge;
  const config = main instanceof URL && main.protocol === "file:"
    ? await nearestConfig(folders[0]!)
    : undefined;
  return {
    workflow: workflow ?? NO_WORKFLOW,
    ...(judge !== undefined && { judge }),
    folders: [...new Set(folders)],
    ...(config !== undefined && { config }),
  };
}

function toJudge(judge: string | URL | undefined): URL | string | undefined {
  if (typeof judge !== "string") return judge;
  if (Object.hasOwn(BUILT_IN_JUDGES, judge)) return judge;
  if (/[./\\]/.test(judge)) return toUrl(judge);
  const names = Object.keys(BUILT_IN_JUDGES).join(", ");
  throw new UserError(
    `There is no judge called "${judge}": give a file, or one of ${names}`,
  );
}

function toUrl(path: string | URL): URL {
  if (path instanceof URL) return path;
  return /^https?:/.test(path) ? new URL(path) : pathToFileURL(resolve(path));
}

async function nearestConfig(folder: string): Promise<string | undefined> {
  for (const name of ["deno.json", "deno.jsonc"]) {
    const path = join(folder, name);
    if (await isFile(path)) return path;
  }
  const above = dirname(folder);
  return above === folder ? undefined : await nearestConfig(above);
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
