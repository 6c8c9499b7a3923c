import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Config } from "../config/mod.ts";
import type { Args } from "./args.ts";
import type { Watched } from "./file_watcher.ts";
import { configFile } from "./read_config.ts";

/** What a run of `config` reads of its user's: code with its folder and imports, tasks, and the YAML. */
export async function watchedFiles(
  { workflow, judge, tasks }: Config,
  args: Args,
): Promise<Watched> {
  const code = [workflow.path, judge.path]
    .filter((path) => path !== null)
    .filter((path) => !/^https?:/.test(path));
  const folders = [
    ...code.map(dirname),
    ...workflow.command === null ? [] : [workflow.cwd],
  ];
  const read = [tasks.train, tasks.validation, resolve(await configFile(args))];
  const files = [
    ...read.filter((path) => path !== null),
    ...(await Promise.all(code.map(localImports))).flat(),
  ];
  return { folders: [...new Set(folders)], files: [...new Set(files)] };
}

/** Saved files in a few words. */
export function savedFiles(paths: readonly string[]): string {
  const [first, ...others] = paths.map((path) => basename(path));
  return others.length === 0 ? first! : `${first} and ${others.length} more`;
}

/** The local modules that a module leads to, itself among them; none where it is not one. */
async function localImports(path: string): Promise<string[]> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", path],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).output();
  if (!success) return [];
  const { modules = [] }: { modules?: { specifier: string }[] } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return modules.map(({ specifier }) => specifier)
    .filter((specifier) => specifier.startsWith("file:"))
    .map((specifier) => fileURLToPath(specifier));
}
