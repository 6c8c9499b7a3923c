import { join } from "node:path";
import {
  type Config,
  flagOverride,
  loadConfig,
  type LoadConfigOptions,
  loadServeConfig,
  type Override,
  type ServeConfig,
} from "../config/mod.ts";
import { type Args, UsageError } from "./args.ts";
import {
  type LocatedModel,
  locateModel,
  modelOverrides,
} from "./locate_model.ts";
import { quickstartConfig } from "./quickstart.ts";

/** Flags that stand for a key of the YAML. */
const KEYS: Readonly<Record<string, string>> = {
  seed: "seed",
  steps: "train.steps",
  backbone: "train.backbone",
  tasks: "debug.tasks",
  episodes: "debug.episodes",
  "run-dir": "run_dir",
  adapter: "model.adapter",
};

/**
 * The config that a command was asked for: the run's own with `--resume`, else the file of `--conf`,
 * else that of the run which the named model belongs to, else the quickstart's; with what the other
 * flags change in it.
 *
 * @throws {UserError} If it is not a valid one.
 */
export async function readConfig(args: Args): Promise<Config> {
  return await loadConfig(await sources(args));
}

/** The same for a command that runs no workflow. */
export async function readServeConfig(args: Args): Promise<ServeConfig> {
  return await loadServeConfig(await sources(args));
}

/** Path of the YAML file that `readConfig` reads. */
export async function configFile(args: Args): Promise<string> {
  return await fileOf(args, await modelOf(args));
}

async function sources(args: Args): Promise<LoadConfigOptions> {
  const model = await modelOf(args);
  return {
    file: await fileOf(args, model),
    set: args.texts("set"),
    overrides: [
      ...model === undefined ? [] : modelOverrides(model),
      ...flagOverrides(args),
    ],
  };
}

async function modelOf(args: Args): Promise<LocatedModel | undefined> {
  const [path] = args.positionals;
  return path === undefined ? undefined : await locateModel(path);
}

async function fileOf(
  args: Args,
  model: LocatedModel | undefined,
): Promise<string> {
  const conf = args.text("conf");
  const resume = args.text("resume");
  if (resume === undefined) {
    return conf ?? model?.config ?? await quickstartConfig();
  }
  for (const other of ["conf", "run-dir"]) {
    if (!args.has(other)) continue;
    throw new UsageError(
      `--resume goes on in the run's own directory with its own config: leave out --${other}`,
    );
  }
  return join(resume, "config.yaml");
}

function flagOverrides(args: Args): Override[] {
  return Object.entries(KEYS).flatMap(([flag, key]) => {
    const text = args.text(flag);
    const source = `--${flag} ${text}`;
    return text === undefined ? [] : [flagOverride(key, text, source)];
  });
}
