import { dirname, join } from "node:path";
import { ModelError } from "../../errors.ts";
import { exists, isObject, readJsonIfPresent } from "../_files.ts";
import { download } from "./_download.ts";
import { retried } from "./_retry.ts";
import { HubClient, type HubFile, HubUnreachable } from "./hub_client.ts";
import { isHubId } from "./hub_id.ts";
import { type HubSettings, hubSettings } from "./hub_settings.ts";

/** How far a download has come. */
export interface DownloadProgress {
  /** `owner/name`. */
  readonly id: string;
  /** Bytes that are here. */
  readonly done: number;
  /** Bytes in all. */
  readonly total: number;
}

/** How a model is found. */
export interface ResolveModelOptions {
  /** A branch, a tag or a commit. @default "main" */
  readonly revision?: string;
  /** Where the Hub and its cache are. @default what the environment says, as for `huggingface_hub` */
  readonly settings?: HubSettings;
  /** Called as bytes arrive. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Asks the server. @default the global `fetch` */
  readonly fetch?: typeof fetch;
  /** Milliseconds before a second attempt; doubled each time. @default 1000 */
  readonly retryDelay?: number;
  /** Milliseconds to wait for the server's next byte. @default 30_000 */
  readonly patience?: number;
}

/** A model on this machine. */
export interface ResolvedModel {
  /** Its folder. */
  readonly folder: string;
  /** The commit it is at; absent where it did not come from the Hub. */
  readonly commit?: string;
}

/** @see ResolveModelOptions.patience */
export const PATIENCE = 30_000;

/** Files of a model or an adapter that are read here or carried over. */
const WANTED =
  /^((adapter_)?config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|^(merges\.txt|chat_template\.jinja|additional_chat_templates\/tool_use\.jinja)$|^model(-\d+-of-\d+)?\.safetensors$|^model\.safetensors\.index\.json$|^adapter_model\.safetensors$/;

/**
 * The folder of a model: `path` itself, or where `path` is a name on the Hub, its snapshot in the cache that
 * `huggingface_hub` keeps, downloaded if need be.
 *
 * @throws {ModelError} If the Hub has no such model, does not show it, or cannot be reached.
 */
export async function resolveModel(
  path: string,
  options: ResolveModelOptions = {},
): Promise<ResolvedModel> {
  if (!isHubId(path) || await exists(path)) return { folder: path };
  const { revision = "main", settings = await hubSettings() } = options;
  if (revision.includes("..") || !/^[\w./-]+$/.test(revision)) {
    throw new ModelError(`${JSON.stringify(revision)} is no revision`);
  }
  const root = join(settings.cache, `models--${path.replace("/", "--")}`);
  if (settings.offline) {
    const cached = await cachedSnapshot(root, revision);
    if (cached) return cached;
    throw new ModelError(
      `${path} at ${revision} is not in ${settings.cache}, or not all of it, and HF_HUB_OFFLINE forbids to download it`,
    );
  }
  try {
    return await fetchSnapshot(root, {
      ...options,
      id: path,
      revision,
      settings,
    });
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    const cached = await cachedSnapshot(root, revision);
    if (cached) return cached;
    throw new ModelError(
      `There is no folder ${path}, and no model of that name could be downloaded: ${error.message}`,
      { cause: error },
    );
  }
}

/** The snapshot in the cache; undefined where there is none, or files are missing in it. */
async function cachedSnapshot(
  root: string,
  revision: string,
): Promise<ResolvedModel | undefined> {
  const ref = join(root, "refs", revision);
  const commit = await exists(ref)
    ? (await Deno.readTextFile(ref)).trim()
    : revision;
  const folder = join(root, "snapshots", commit);
  return await isComplete(folder) ? { folder, commit } : undefined;
}

/** Whether a model or an adapter is there with all its weights: other programs fetch the small files first. */
async function isComplete(folder: string): Promise<boolean> {
  const has = (name: string) => exists(join(folder, name));
  if (await has("adapter_config.json")) {
    return await has("adapter_model.safetensors");
  }
  if (!await has("config.json")) return false;
  if (await has("model.safetensors")) return true;
  const index = join(folder, "model.safetensors.index.json");
  const { weight_map } = await readJsonIfPresent(index) ?? {};
  if (!isObject(weight_map)) return false;
  for (const file of new Set(Object.values(weight_map))) {
    if (!await has(`${file}`)) return false;
  }
  return true;
}

async function fetchSnapshot(
  root: string,
  options: ResolveModelOptions & {
    readonly id: string;
    readonly revision: string;
    readonly settings: HubSettings;
  },
): Promise<ResolvedModel> {
  const { id, revision, settings, onProgress } = options;
  const { retryDelay = 1000, patience = PATIENCE } = options;
  const client = new HubClient(settings, options.fetch ?? fetch, patience);
  const { commit, files } = await retried(
    () => client.list({ id, revision }),
    retryDelay,
  );
  const from = { id, revision: commit };
  const folder = join(root, "snapshots", commit);
  const wanted = files.filter((file) => WANTED.test(file));
  if (!wanted.some((file) => file.endsWith(".safetensors"))) {
    throw new ModelError(
      `${id} has no safetensors at ${revision}: pickled weights can run code, and are not read`,
    );
  }
  const missing: { readonly file: string; readonly expected: HubFile }[] = [];
  for (const file of wanted) {
    if (await exists(join(folder, file))) continue;
    const expected = await retried(() => client.stat(from, file), retryDelay);
    missing.push({ file, expected });
  }
  await Deno.mkdir(folder, { recursive: true });
  await Deno.mkdir(join(root, "blobs"), { recursive: true });
  const total = missing.reduce((sum, { expected }) => sum + expected.size, 0);
  let done = 0;
  // Small files last: a snapshot with its config is complete.
  missing.sort((a, b) => b.expected.size - a.expected.size);
  for (const { file, expected } of missing) {
    const blob = join(root, "blobs", expected.etag);
    const onBytes = (bytes: number) => {
      done += bytes;
      onProgress?.({ id, done, total });
    };
    if (await exists(blob)) onBytes(expected.size);
    else {
      const what = { client, from, file, expected, onBytes, retryDelay };
      await download(blob, { ...what, patience });
    }
    const up = "../".repeat(file.split("/").length + 1);
    await Deno.mkdir(dirname(join(folder, file)), { recursive: true });
    await link(`${up}blobs/${expected.etag}`, join(folder, file));
  }
  if (revision !== commit) await writeRef(join(root, "refs", revision), commit);
  return { folder, commit };
}

/** A link beside its name first, for another program may be making the same. */
async function link(target: string, path: string): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}`;
  await Deno.symlink(target, temporary, { type: "file" });
  await Deno.rename(temporary, path);
}

async function writeRef(path: string, commit: string): Promise<void> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, commit);
}
