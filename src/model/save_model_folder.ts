import { dirname } from "node:path";
import { buildFolder, writeText } from "./_build_folder.ts";
import { readTextIfPresent } from "./_files.ts";
import { TOOL_TEMPLATE } from "./_find_chat_template.ts";
import type { FloatType, HostTensor, LazyTensor } from "./tensor.ts";
import { writeWeights, type WriteWeightsOptions } from "./write_weights.ts";

/** What a saved model folder consists of. */
export interface SaveModelFolderOptions extends WriteWeightsOptions {
  /** Folder whose config, tokenizer and chat template are copied. */
  readonly source: string;
  /** The parameters, under their Hugging Face names. */
  readonly tensors: readonly (HostTensor | LazyTensor)[];
  /** Whether the head has a tensor of its own, though it has none in `source`. @default false */
  readonly untied?: boolean;
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
  TOOL_TEMPLATE,
];

const DTYPE_NAMES: Readonly<Record<FloatType, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

/**
 * Writes a model folder that Hugging Face `transformers` and `loadModelFolder` open; a folder at
 * `path` is always whole.
 *
 * @throws {ModelError} If a file of `source` cannot be read or a tensor holds NaN or infinity.
 */
export async function saveModelFolder(
  path: string,
  options: SaveModelFolderOptions,
): Promise<void> {
  const { source, tensors, dtype = "F32", untied = false, extra, ...rest } =
    options;
  await buildFolder(path, async (building) => {
    for (const name of COPIED) {
      const text = await readTextIfPresent(`${source}/${name}`);
      if (text === undefined) continue;
      await Deno.mkdir(dirname(`${building}/${name}`), { recursive: true });
      await writeText(
        `${building}/${name}`,
        name === "config.json" ? changed(text, { dtype, untied }) : text,
      );
    }
    await writeWeights(building, tensors, { dtype, ...rest });
    await extra?.(building);
  });
}

/** `config.json` with what is different about the new weights; the rest stays as it was written. */
function changed(
  config: string,
  { dtype, untied }: { readonly dtype: FloatType; readonly untied: boolean },
): string {
  const typed = config.replace(
    /("(?:torch_)?dtype"\s*:\s*)"\w+"/g,
    `$1"${DTYPE_NAMES[dtype]}"`,
  );
  if (!untied) return typed;
  const tie = /("tie_word_embeddings"\s*:\s*)true/;
  return tie.test(typed)
    ? typed.replace(tie, "$1false")
    : typed.replace("{", '{\n  "tie_word_embeddings": false,');
}
