import { ModelError } from "../errors.ts";
import { readJson } from "./_files.ts";
import { isFloatType } from "./_float_types.ts";
import type { ModelConfig } from "./model_config.ts";
import { openWeights } from "./open_weights.ts";
import { parameterShapes } from "./parameter_shapes.ts";
import { parseModelConfig } from "./parse_model_config.ts";
import type { TensorStore } from "./tensor_store.ts";

/** A model's shape and weights: what it takes to work on token ids. */
export interface ModelWeights {
  /** The decoder's shape. */
  readonly config: ModelConfig;
  /** The parameters, under the names and with the shapes of `parameterShapes(config)`. */
  readonly tensors: TensorStore;
}

/**
 * Opens the weights of a Hugging Face model folder and checks that they are those of its config.
 *
 * @throws {ModelError} If a file is missing, malformed or unsupported, or a parameter is missing, of
 *   another shape or one too many.
 */
export async function loadModelWeights(path: string): Promise<ModelWeights> {
  const config = await readModelConfig(path);
  const tensors = await openWeights(path);
  checkShapes(path, { config, tensors });
  return { config, tensors };
}

/**
 * Reads the `config.json` of a model folder.
 *
 * @throws {ModelError} If it is missing, malformed or describes what is not supported.
 */
export async function readModelConfig(path: string): Promise<ModelConfig> {
  const source = `${path}/config.json`;
  return parseModelConfig(await readJson(source), source);
}

function checkShapes(
  path: string,
  model: ModelWeights,
): void {
  const { config, tensors } = model;
  const shapes = parameterShapes(config);
  for (const [name, shape] of shapes) {
    const info = tensors.tensors.get(name);
    if (info === undefined) {
      throw new ModelError(`${path}: the weights lack tensor ${name}`);
    }
    if (!isFloatType(info.dtype)) {
      throw new ModelError(
        `${info.file}: tensor ${name} is of type ${info.dtype}; only F32, F16 and BF16 are supported`,
      );
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
