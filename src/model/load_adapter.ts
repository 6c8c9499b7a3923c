import { ModelError } from "../errors.ts";
import { exists, readJson } from "./_files.ts";
import {
  ADAPTER_TARGETS,
  type AdapterConfig,
  parseAdapterConfig,
} from "./adapter_config.ts";
import { adapterShapes } from "./adapter_shapes.ts";
import type { ModelConfig } from "./model_config.ts";
import { readSafetensors } from "./read_safetensors.ts";
import type { HostTensor } from "./tensor.ts";
import type { TensorStore } from "./tensor_store.ts";

/** A LoRA adapter in memory. */
export interface Adapter {
  /** Its shape. */
  readonly config: AdapterConfig;
  /** Its factors under PEFT's names, those of every layer. */
  readonly tensors: readonly HostTensor[];
}

/** Whether `folder` holds an adapter rather than a model. */
export async function isAdapterFolder(folder: string): Promise<boolean> {
  return await exists(`${folder}/adapter_config.json`) &&
    !await exists(`${folder}/config.json`);
}

/**
 * Reads the config of the adapter in PEFT's layout in `folder`, without its tensors.
 *
 * @throws {ModelError} If it is malformed or uses an option that is not supported.
 */
export async function readAdapterConfig(
  folder: string,
): Promise<AdapterConfig> {
  const { config } = await openAdapter(folder);
  return config;
}

/**
 * Reads an adapter in PEFT's layout (`adapter_config.json`, `adapter_model.safetensors`) for `model`.
 *
 * A layer that the adapter leaves alone gets factors of zeroes: they change nothing, and having no
 * gradient, they stay so.
 *
 * @throws {ModelError} If a file is missing or malformed, uses an option that is not supported, or
 *   does not fit the model.
 */
export async function loadAdapter(
  folder: string,
  model: ModelConfig,
): Promise<Adapter> {
  const { config, store } = await openAdapter(folder);
  const shapes = adapterShapes(model, config);
  for (const { name, shape, file } of store.tensors.values()) {
    const expected = shapes.get(name);
    if (expected === undefined) {
      throw new ModelError(
        `${file}: tensor ${name} has no place in this model`,
      );
    }
    if (expected.join() !== shape.join()) {
      throw new ModelError(
        `${file}: tensor ${name} has shape [${
          shape.join(", ")
        }], but rank ${config.rank} over this model asks for [${
          expected.join(", ")
        }]`,
      );
    }
  }
  const tensors: HostTensor[] = [];
  for (const [name, shape] of shapes) {
    const data = store.tensors.has(name)
      ? await store.read(name)
      : new Float32Array(shape[0]! * shape[1]!);
    tensors.push({ name, shape, data });
  }
  return { config, tensors };
}

async function openAdapter(
  folder: string,
): Promise<{ readonly config: AdapterConfig; readonly store: TensorStore }> {
  const source = `${folder}/adapter_config.json`;
  if (!await exists(source)) {
    throw new ModelError(
      `${folder} holds no adapter: adapter_config.json is missing`,
    );
  }
  const json = await readJson(source);
  const path = `${folder}/adapter_model.safetensors`;
  if (!await exists(path) && await exists(`${folder}/adapter_model.bin`)) {
    throw new ModelError(
      `${folder} has only pickled weights (adapter_model.bin), which can run code when they are ` +
        `opened; save the adapter as safetensors first`,
    );
  }
  const store = await readSafetensors(path);
  const names = [...store.tensors.keys()];
  const found = new Set(names.map(targetOf));
  const targets = ADAPTER_TARGETS.filter((target) => found.has(target));
  // What the config asks for is said before what is wrong with the tensors: it explains them.
  const config = parseAdapterConfig(json, { source, targets });
  const stranger = names.find((name) =>
    !targets.some((target) => target === targetOf(name))
  );
  if (stranger !== undefined) {
    throw new ModelError(
      `${path}: tensor ${
        JSON.stringify(stranger)
      } is no LoRA factor of a projection; adapted can be ${
        ADAPTER_TARGETS.join(", ")
      }`,
    );
  }
  if (targets.length === 0) {
    throw new ModelError(`${path} holds no LoRA factors`);
  }
  return { config, store };
}

/** The projection whose factor a tensor is, told from its name. */
function targetOf(name: string): string | undefined {
  return /^base_model\.model\.model\.layers\.\d+\.(?:self_attn|mlp)\.(\w+)\.lora_[AB]\.weight$/
    .exec(name)?.[1];
}
