import { exists, readTextIfPresent } from "./_files.ts";
import { syncFolder, writeAll } from "./_replace_file.ts";
import type { FloatType, HostTensor } from "./tensor.ts";
import { writeSafetensors } from "./write_safetensors.ts";

/** What a saved model folder consists of. */
export interface SaveModelFolderOptions {
  /** Folder whose config, tokenizer and chat template are copied. */
  readonly source: string;
  /** The parameters, under their Hugging Face names. */
  readonly tensors: readonly HostTensor[];
  /** Number format of the weights. @default "F32" */
  readonly dtype?: FloatType;
  /** Adds further files to the folder before it takes its name; given the folder's path for now. */
  readonly extra?: (folder: string) => Promise<void>;
}

/** Text files that make a model folder, beside the weights; all but the first may be missing. */
const COPIED = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
];

const DTYPE_NAMES: Readonly<Record<FloatType, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/**
 * Writes a model folder that Hugging Face `transformers` and `loadModelFolder` open.
 *
 * It is built under another name beside `path`, flushed to the disk and renamed at the end, so a
 * folder at `path` is always whole. One that stood there before is replaced; should the program be
 * killed between the two renames that this takes, it is left under the name `path` with `.old`.
 *
 * @throws {ModelError} If a file of `source` cannot be read or a tensor holds NaN or infinity.
 */
export async function saveModelFolder(
  path: string,
  options: SaveModelFolderOptions,
): Promise<void> {
  const { source, tensors, dtype = "F32", extra } = options;
  const target = path.replace(/\/+$/, "");
  const building = `${target}.partial`;
  await removeFolder(building);
  await Deno.mkdir(building, { recursive: true });
  try {
    for (const name of COPIED) {
      const text = await readTextIfPresent(`${source}/${name}`);
      if (text === undefined) continue;
      await writeText(
        `${building}/${name}`,
        name === "config.json" ? withDtype(text, dtype) : text,
      );
    }
    await writeSafetensors(`${building}/model.safetensors`, tensors, { dtype });
    await extra?.(building);
    await syncFolder(building);
    await replaceFolder(building, target);
  } catch (error) {
    await removeFolder(building);
    throw error;
  }
}

/** `config.json` with the number format of the new weights; the rest stays as it was written. */
function withDtype(config: string, dtype: FloatType): string {
  return config.replace(
    /("(?:torch_)?dtype"\s*:\s*)"\w+"/,
    `$1"${DTYPE_NAMES[dtype]}"`,
  );
}

async function writeText(path: string, text: string): Promise<void> {
  using file = await Deno.create(path);
  await writeAll(file, new TextEncoder().encode(text));
  await file.sync();
}

async function replaceFolder(from: string, to: string): Promise<void> {
  const old = `${to}.old`;
  if (await exists(to)) {
    await removeFolder(old);
    await Deno.rename(to, old);
  }
  await Deno.rename(from, to);
  await syncFolder(to.slice(0, to.lastIndexOf("/") + 1) || ".");
  await removeFolder(old);
}

async function removeFolder(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
