import { ModelError } from "../errors.ts";
import { exists, readJson } from "./_files.ts";
import { findChatTemplate } from "./_find_chat_template.ts";
import type { ChatTemplate } from "./chat_template.ts";
import { detectToolFormat } from "./detect_tool_format.ts";
import { loadTokenizer } from "./load_tokenizer.ts";
import type { ModelConfig } from "./model_config.ts";
import { parameterShapes } from "./parameter_shapes.ts";
import { parseModelConfig } from "./parse_model_config.ts";
import { readSafetensors } from "./read_safetensors.ts";
import { readShardedSafetensors } from "./read_sharded_safetensors.ts";
import type { TensorStore } from "./tensor_store.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { ToolFormat } from "./tool_format.ts";

/** A Hugging Face model folder, checked; its weights are still on the disk. */
export interface ModelFolder {
  /** The folder. */
  readonly path: string;
  /** The decoder's shape. */
  readonly config: ModelConfig;
  /** Text to token ids and back. */
  readonly tokenizer: Tokenizer;
  /** Undefined: the folder has none, so the model continues text but cannot chat. */
  readonly template: ChatTemplate | undefined;
  /** Undefined: the template knows no tools. */
  readonly toolFormat: ToolFormat | undefined;
  /** Ids that end a turn or a text. */
  readonly eosIds: readonly number[];
  /** The parameters, under the names and with the shapes of `parameterShapes(config)`. */
  readonly tensors: TensorStore;
}

/**
 * Opens a Hugging Face model folder and checks that its files fit one another.
 *
 * @throws {ModelError} If a file is missing, malformed or unsupported, a parameter is missing, of
 *   another shape or one too many, or the tokenizer has more tokens than the embedding has rows.
 */
export async function loadModelFolder(path: string): Promise<ModelFolder> {
  const source = `${path}/config.json`;
  const config = parseModelConfig(await readJson(source), source);
  const [tokenizer, template, tensors] = await Promise.all([
    loadTokenizer(path),
    findChatTemplate(path),
    openTensors(path),
  ]);
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new ModelError(
      `${path}: tokenizer.json has ${tokenizer.vocabSize} tokens, but vocab_size in config.json is ${config.vocabSize}`,
    );
  }
  checkShapes(path, { config, tensors });
  return {
    path,
    config,
    tokenizer,
    template,
    toolFormat: template && detectToolFormat(template.text),
    eosIds: tokenizer.eosIds,
    tensors,
  };
}

async function openTensors(path: string): Promise<TensorStore> {
  const index = `${path}/model.safetensors.index.json`;
  if (await exists(`${path}/model.safetensors`)) {
    return await readSafetensors(`${path}/model.safetensors`);
  }
  if (await exists(index)) return await readShardedSafetensors(index);
  if (
    await exists(`${path}/pytorch_model.bin`) ||
    await exists(`${path}/pytorch_model.bin.index.json`)
  ) {
    throw new ModelError(
      `${path} has only pickled weights (pytorch_model.bin), which can run code when they are ` +
        `opened; save the model as safetensors first`,
    );
  }
  throw new ModelError(`${path} has no weights: model.safetensors is missing`);
}

function checkShapes(
  path: string,
  model: Pick<ModelFolder, "config" | "tensors">,
): void {
  const { config, tensors } = model;
  const shapes = parameterShapes(config);
  for (const [name, shape] of shapes) {
    const info = tensors.tensors.get(name);
    if (info === undefined) {
      throw new ModelError(`${path}: the weights lack tensor ${name}`);
    }
    if (info.shape.join() !== shape.join()) {
      throw new ModelError(
        `${info.file}: tensor ${name} has shape [${
          info.shape.join(", ")
        }], config.json asks for [${shape.join(", ")}]`,
      );
    }
  }
  for (const { name, file } of tensors.tensors.values()) {
    if (!shapes.has(name) && !isRedundant(name, config)) {
      throw new ModelError(
        `${file}: tensor ${
          JSON.stringify(name)
        } has no place in a ${config.architecture} model with this config.json`,
      );
    }
  }
}

/** Whether some programs save a tensor of this name that others compute or share. */
function isRedundant(name: string, config: ModelConfig): boolean {
  return name.endsWith(".rotary_emb.inv_freq") ||
    (name === "lm_head.weight" && config.tieEmbeddings);
}
