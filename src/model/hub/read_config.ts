import { ModelError } from "../../errors.ts";
import { exists, isObject, type JsonObject, readJson } from "../_files.ts";
import { HubClient, HubUnreachable } from "./hub_client.ts";
import { isHubId } from "./hub_id.ts";
import { hubSettings } from "./hub_settings.ts";
import {
  PATIENCE,
  resolveModel,
  type ResolveModelOptions,
} from "./resolve_model.ts";

/** Largest `config.json` that is taken from the Hub. */
const MAX_BYTES = 2 ** 20;

/** A `config.json`, and what to call it in messages. */
export interface FoundConfig {
  readonly json: JsonObject;
  readonly source: string;
}

/**
 * The `config.json` of the model folder or name on the Hub that `path` is; nothing else is downloaded.
 *
 * @throws {ModelError} If there is none, the Hub does not show it or cannot be reached, or it is malformed.
 */
export async function readConfig(
  path: string,
  options: Omit<ResolveModelOptions, "onProgress" | "retryDelay"> = {},
): Promise<FoundConfig> {
  const { settings = await hubSettings(), revision = "main" } = options;
  if (!isHubId(path) || await exists(path)) return await inFolder(path);
  const cached = async () =>
    await inFolder(
      (await resolveModel(path, { ...options, settings })).folder,
    );
  if (settings.offline) return await cached();
  const source = `config.json of ${path}`;
  try {
    const { patience = PATIENCE } = options;
    const client = new HubClient(settings, options.fetch ?? fetch, patience);
    const { commit } = await client.list({ id: path, revision });
    const from = { id: path, revision: commit };
    const { body } = await client.open(from, "config.json", 0);
    return { json: parse(await readText(body, source), source), source };
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    return await cached();
  }
}

async function inFolder(folder: string): Promise<FoundConfig> {
  const source = `${folder}/config.json`;
  return { json: await readJson(source), source };
}

async function readText(
  body: ReadableStream<Uint8Array>,
  source: string,
): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of body) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > MAX_BYTES) {
      throw new ModelError(`${source} has more than ${MAX_BYTES} bytes`);
    }
  }
  return text + decoder.decode();
}

function parse(text: string, source: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return value;
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new ModelError(`${source} is not valid JSON: ${reason}`, { cause });
  }
  throw new ModelError(`${source} must hold a JSON object`);
}
