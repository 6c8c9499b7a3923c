import { dirname, join } from "node:path";
import type { Override } from "../config/mod.ts";
import { UserError } from "../errors.ts";
import { isHubId } from "../model/hub/mod.ts";
import { isAdapterFolder, readAdapterConfig } from "../model/mod.ts";

/** A model that a user pointed at. */
export interface LocatedModel {
  /** Its folder, absolute, or its name on the Hub. */
  readonly folder: string;
  /** Folder of an adapter over it, absolute; absent where the user pointed at a whole model. */
  readonly adapter?: string;
  /** Branch, tag or commit on the Hub that the adapter was trained over; absent where it does not say. */
  readonly revision?: string;
  /** Config of the run that it belongs to; absent where it belongs to none. */
  readonly config?: string;
}

/**
 * Finds what `path` means: a run directory stands for its latest checkpoint, and a checkpoint
 * belongs to its run; any other folder is a model on its own, or an adapter over one that it names. What is no
 * folder but could be a name on the Hub is taken for one.
 *
 * @throws {UserError} If nothing is there, or the run has no checkpoint yet.
 */
export async function locateModel(path: string): Promise<LocatedModel> {
  if (!await exists(path)) {
    if (isHubId(path)) return { folder: path };
    throw new UserError(
      `There is no ${path}: give a model folder, a name on the Hub, a checkpoint or a run`,
    );
  }
  const checkpoints = join(path, "checkpoints");
  if (await exists(checkpoints)) {
    const latest = join(checkpoints, "latest");
    if (!await exists(latest)) {
      throw new UserError(
        `${path} has no checkpoint yet: let it run up to its first one, or give its base model`,
      );
    }
    return {
      ...await modelIn(await Deno.realPath(latest)),
      config: join(path, "config.yaml"),
    };
  }
  const folder = await Deno.realPath(path);
  const config = join(dirname(dirname(folder)), "config.yaml");
  const ofRun = dirname(folder).endsWith("checkpoints") && await exists(config);
  return { ...await modelIn(folder), ...(ofRun && { config }) };
}

/** What a located model changes in a config. */
export function modelOverrides(
  { folder, adapter, revision }: LocatedModel,
): Override[] {
  return [
    { key: "model.path", value: folder, source: folder },
    ...revision === undefined
      ? []
      : [{ key: "model.revision", value: revision, source: `${adapter}` }],
    ...adapter === undefined
      ? []
      : [{ key: "model.adapter", value: adapter, source: adapter }],
  ];
}

/** The model in `folder`, or that which the adapter in `folder` stands over. */
async function modelIn(folder: string): Promise<LocatedModel> {
  if (!await isAdapterFolder(folder)) return { folder };
  const { base, baseRevision } = await readAdapterConfig(folder);
  if (base !== undefined) {
    return {
      folder: base,
      adapter: folder,
      ...(baseRevision !== undefined && { revision: baseRevision }),
    };
  }
  throw new UserError(
    `The adapter in ${folder} does not say which model it stands over: give the model, and this as --adapter`,
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw new UserError(`Cannot read ${path}: ${(error as Error).message}`, {
      cause: error,
    });
  }
}
