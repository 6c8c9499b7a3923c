/**
 * The Hugging Face Hub: models by name, in the cache that `huggingface_hub` keeps.
 *
 * `resolveModel` turns `owner/name` into a folder, downloading what is not there: broken downloads go on where they
 * ended, and every file is checked against its checksum before it takes its name. The cache is laid out as the
 * Python library has it (`blobs`, `snapshots`, `refs`), so either program uses what the other has fetched. What the
 * files hold is the model room's business; nothing here looks into them.
 *
 * @module
 */
export { hubIdOf, isHubId } from "./hub_id.ts";
export { type HubSettings, hubSettings } from "./hub_settings.ts";
export { type FoundConfig, readConfig } from "./read_config.ts";
export {
  type DownloadProgress,
  type ResolvedModel,
  resolveModel,
  type ResolveModelOptions,
} from "./resolve_model.ts";
