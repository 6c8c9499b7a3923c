import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../config/mod.ts";
import { BUILT_IN_JUDGES } from "../judge/mod.ts";
import { explainWrite, RunStore, type View } from "../monitor/mod.ts";
import type { TaskSource } from "../reader/mod.ts";
import { newRunDirectory } from "./_new_run_directory.ts";
import { train } from "./train.ts";
import type { Summary } from "./types.ts";

/** Tasks: a JSONL file, rows as it would hold them, or a function that returns such rows. */
export type Tasks = string | URL | Iterable<unknown> | TaskSource;

/** What is tuned, on what, and how. */
export interface TuneOptions {
  /** Folder of the model, in Hugging Face layout. */
  readonly model: string | URL;
  /** The file, or `http(s)` URL, whose default export is the agent. */
  readonly workflow: string | URL;
  /** Tasks to learn from. */
  readonly tasks: Tasks;
  /** Held-out tasks; without them there are those of `tasks` that say so. */
  readonly validation?: Tasks;
  /** A judge file, or the name of a built-in judge; without one the workflow returns the reward. */
  readonly judge?: string | URL;
  /** Directory of the run. @default a new one under `runs/` in the current folder */
  readonly runDir?: string;
  /** Other keys, spelled and checked as in the YAML: `{ train: { steps: 20 } }`. @default {} */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Is told what happens. @default nobody */
  readonly view?: View;
  /** Aborted to end well: the step at work is finished and saved. */
  readonly stop?: AbortSignal;
  /** Aborted to end at once. */
  readonly signal?: AbortSignal;
}

/**
 * Improves the model behind an agent by reinforcement learning, as the `train` command does.
 *
 * Tasks that come from memory are written into the run's directory, so that the run can be resumed
 * from the command line.
 *
 * @throws {UserError} If something named cannot be used, or too many episodes fail.
 */
export async function tune(options: TuneOptions): Promise<Summary> {
  const { settings = {}, view = SILENT } = options;
  const run = options.runDir ?? newRunDirectory(`${settings.name ?? "run"}`);
  await RunStore.checkNew(run);
  const values = {
    ...settings,
    run_dir: run,
    model: { path: located(options.model) },
    workflow: { path: located(options.workflow) },
    tasks: await taskFiles(run, options),
    judge: judgeOf(options),
  };
  const config = await loadConfig({
    overrides: Object.entries(values)
      .map(([key, value]) => ({ key, value, source: `tune({ ${key} })` })),
  });
  return await train(config, { ...options, view });
}

const SILENT: View = { show() {}, [Symbol.dispose]() {} };

/** The path of a local file; any other URL as it is. */
function located(place: string | URL): string {
  const url = URL.parse(place) ?? undefined;
  return url?.protocol === "file:" ? fileURLToPath(url) : String(place);
}

function judgeOf(
  { judge }: TuneOptions,
): { readonly name?: string; readonly path?: string } {
  if (judge === undefined) return {};
  return typeof judge === "string" && judge in BUILT_IN_JUDGES
    ? { name: judge }
    : { path: located(judge) };
}

async function taskFiles(
  run: string,
  { tasks, validation }: TuneOptions,
): Promise<{ readonly train: string; readonly validation?: string }> {
  return {
    train: await taskFile(join(run, "tasks.jsonl"), tasks),
    ...(validation !== undefined && {
      validation: await taskFile(join(run, "validation.jsonl"), validation),
    }),
  };
}

/** A file that holds the tasks of `source`: the one it names, else a new one at `path`. */
async function taskFile(path: string, source: Tasks): Promise<string> {
  if (typeof source === "string" || source instanceof URL) {
    return located(source);
  }
  const rows = typeof source === "function" ? await source() : source;
  const lines = await Array.fromAsync(rows, (row) => JSON.stringify(row));
  await explainWrite(path, async () => {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, lines.map((line) => `${line}\n`).join(""));
  });
  return path;
}
