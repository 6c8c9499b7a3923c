import { dirname, join } from "node:path";
import { UserError } from "../errors.ts";

/** A model that a user pointed at. */
export interface LocatedModel {
  /** Its folder, absolute. */
  readonly folder: string;
  /** Config of the run that it belongs to; absent where it belongs to none. */
  readonly config?: string;
}

/**
 * Finds what `path` means: a run directory stands for its latest checkpoint, and a checkpoint
 * belongs to its run; any other folder is a model on its own.
 *
 * @throws {UserError} If nothing is there, or the run has no checkpoint yet.
 */
export async function locateModel(path: string): Promise<LocatedModel> {
  if (!await exists(path)) {
    throw new UserError(
      `There is no ${path}: give a model folder, a checkpoint or a run`,
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
      folder: await Deno.realPath(latest),
      config: join(path, "config.yaml"),
    };
  }
  const folder = await Deno.realPath(path);
  const config = join(dirname(dirname(folder)), "config.yaml");
  const ofRun = dirname(folder).endsWith("checkpoints") && await exists(config);
  return ofRun ? { folder, config } : { folder };
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
