import { join } from "node:path";
import { ModelError } from "../../errors.ts";

/** Where the Hub is, and where what comes from it is kept. */
export interface HubSettings {
  /** Base URL. */
  readonly endpoint: string;
  /** Folder of the cache, shared with `huggingface_hub`. */
  readonly cache: string;
  /** What names the user; undefined asks as a stranger. */
  readonly token?: string | undefined;
  /** Whether only the cache may be used. */
  readonly offline: boolean;
}

/**
 * The settings that the environment variables of `huggingface_hub` make: `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`,
 * `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE`, or `TRANSFORMERS_OFFLINE`. In folders, `~` is the user's.
 *
 * @throws {ModelError} If there is no place for a cache.
 */
export async function hubSettings(
  env: (name: string) => string | undefined = (name) => Deno.env.get(name),
): Promise<HubSettings> {
  const folder = (name: string) => {
    const path = env(name);
    return path && /^~(?=\/|$)/.test(path)
      ? join(userHome(env), path.slice(1))
      : path;
  };
  const home = folder("HF_HOME") ||
    join(env("XDG_CACHE_HOME") || join(userHome(env), ".cache"), "huggingface");
  return {
    endpoint: (env("HF_ENDPOINT") || "https://huggingface.co")
      .replace(/\/+$/, ""),
    cache: folder("HF_HUB_CACHE") || folder("HUGGINGFACE_HUB_CACHE") ||
      join(home, "hub"),
    token: env("HF_TOKEN")?.trim() ||
      await savedToken(folder("HF_TOKEN_PATH") || join(home, "token")),
    offline: /^(1|on|yes|true)$/i.test(
      env("HF_HUB_OFFLINE") || env("TRANSFORMERS_OFFLINE") || "",
    ),
  };
}

function userHome(env: (name: string) => string | undefined): string {
  const home = env("HOME") || env("USERPROFILE");
  if (home) return home;
  throw new ModelError(
    "There is no place for models from the Hub: set HF_HOME",
  );
}

async function savedToken(path: string): Promise<string | undefined> {
  try {
    return (await Deno.readTextFile(path)).trim() || undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new ModelError(
      `Cannot read the Hub's token in ${path}: ${(error as Error).message}`,
      { cause: error },
    );
  }
}
