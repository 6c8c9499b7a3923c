import type { ServeConfig } from "../config/mod.ts";
import { type DownloadProgress, resolveModel } from "../model/hub/mod.ts";

/**
 * `config` with its model, and its adapter, on this machine: what it names on the Hub is downloaded, unless it is in
 * the cache.
 *
 * @throws {ModelError} If the Hub has no such model, does not show it, or cannot be reached.
 */
export async function localModel<C extends ServeConfig>(
  config: C,
  onProgress?: (progress: DownloadProgress) => void,
): Promise<C> {
  const { path, revision, adapter } = config.model;
  const options = onProgress ? { onProgress } : {};
  const { folder, commit = revision } = await resolveModel(path, {
    revision,
    ...options,
  });
  const over = adapter === null
    ? null
    : (await resolveModel(adapter, options)).folder;
  const model = {
    ...config.model,
    path: folder,
    revision: commit,
    adapter: over,
  };
  return { ...config, model };
}
