import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { UserError } from "../errors.ts";
import { VERSION } from "./program.ts";

const CONFIG = "calculator.yaml";

/** What `train` reads of `examples/calculator` when it is run without a config. */
export const QUICKSTART_FILES: readonly string[] = [
  CONFIG,
  "workflow.ts",
  "calculate.ts",
  "train.jsonl",
  "validation.jsonl",
  "model/config.json",
  "model/generation_config.json",
  "model/model.safetensors",
  "model/tokenizer.json",
  "model/tokenizer_config.json",
];

/** Options of {@linkcode quickstartConfig}. */
export interface QuickstartOptions {
  /** Folder that holds the example's files. @default the one beside this program */
  readonly source?: URL;
  /** Where a copy is kept if the source is not on this machine. @default the user's cache */
  readonly cache?: string;
}

/**
 * Path of the quickstart's config, its model and tasks beside it.
 *
 * In a checkout these are the files of the checkout, in the standalone binary those embedded in it.
 * A program that was loaded from a URL fetches them from there into a folder that stays, so that
 * the run can be resumed.
 *
 * @throws {UserError} If a file cannot be fetched.
 */
export async function quickstartConfig(
  options: QuickstartOptions = {},
): Promise<string> {
  const {
    source = new URL("../../examples/calculator/", import.meta.url),
    cache = join(cacheFolder(), "astuner", VERSION, "calculator"),
  } = options;
  if (source.protocol === "file:") {
    return fileURLToPath(new URL(CONFIG, source));
  }
  await Promise.all(
    QUICKSTART_FILES.map((file) => fetchFile(file, source, cache)),
  );
  return join(cache, CONFIG);
}

async function fetchFile(
  file: string,
  source: URL,
  folder: string,
): Promise<void> {
  const url = new URL(file, source);
  const response = await fetch(url).catch((cause) => {
    throw new UserError(`Cannot fetch the quickstart's ${url}`, { cause });
  });
  if (!response.ok) {
    await response.body?.cancel();
    throw new UserError(
      `Cannot fetch the quickstart's ${url}: ${response.status} ${response.statusText}`,
    );
  }
  const path = join(folder, file);
  await Deno.mkdir(dirname(path), { recursive: true });
  // Written beside its place first, for another run may be reading the file.
  const partial = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(partial, await response.bytes());
  await Deno.rename(partial, path);
}

function cacheFolder(): string {
  const folder = Deno.env.get("XDG_CACHE_HOME") ?? Deno.env.get("LOCALAPPDATA");
  if (folder) return folder;
  const home = Deno.env.get("HOME");
  if (home) return join(home, ".cache");
  throw new UserError(
    "There is no place for the quickstart's files: set HOME or XDG_CACHE_HOME",
  );
}
