import { ModelError } from "../errors.ts";
import { adaptedModules, type IsAdapted } from "./_adapted_modules.ts";
import { Fields } from "./_fields.ts";
import { exists, type JsonObject, readJson } from "./_files.ts";
import {
  ADAPTER_MODULES,
  ADAPTER_TARGETS,
  type AdapterConfig,
  type AdapterModule,
  type AdapterTarget,
  parseAdapterConfig,
} from "./adapter_config.ts";
import { moduleOf, PEFT_PREFIX } from "./adapter_modules.ts";
import { adapterShapes } from "./adapter_shapes.ts";
import type { ModelConfig } from "./model_config.ts";
import { readSafetensors } from "./read_safetensors.ts";
import type { HostTensor } from "./tensor.ts";
import type { TensorStore } from "./tensor_store.ts";

/** A LoRA adapter in memory. */
export interface Adapter {
  /** Its shape. */
  readonly config: AdapterConfig;
  /** Its factors under PEFT's names, those of every layer, and its modules. */
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
  const { config: asked, store, isAdapted } = await openAdapter(folder);
  const config = overModel(asked, model);
  const shapes = adapterShapes(model, config);
  for (const { name, shape, file } of store.tensors.values()) {
    if (name === HEAD && config.tied) continue;
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
    const isThere = store.tensors.has(name);
    const module = moduleOfFactor(name);
    if (!isThere && module !== undefined && isAdapted(module)) {
      throw new ModelError(
        `${folder}: tensor ${name} is missing, although adapter_config.json says that ${module} is adapted`,
      );
    }
    if (!isThere && module === undefined) {
      throw new ModelError(
        `${folder}: tensor ${name} is missing; a module is held whole in every layer or in none`,
      );
    }
    const data = isThere
      ? await store.read(name)
      : new Float32Array(shape[0]! * shape[1]!);
    tensors.push({ name, shape, data });
  }
  if (config.tied && store.tensors.has(HEAD)) {
    const table = tensors.find(({ name }) => name === EMBEDDING)!.data;
    const head = await store.read(HEAD);
    if (
      head.length !== table.length || head.some((x, i) => x !== table[i])
    ) {
      throw new ModelError(
        `${folder}: embedding and head differ, although ensure_weight_tying says that they are one table`,
      );
    }
  }
  return { config, tensors };
}

const EMBEDDING = `${PEFT_PREFIX}model.embed_tokens.weight`;
const HEAD = `${PEFT_PREFIX}lm_head.weight`;

/** The config as it is over `model`: only where embedding and head are one table can they stay so. */
function overModel(
  { tied = false, ...config }: AdapterConfig,
  { tieEmbeddings }: ModelConfig,
): AdapterConfig {
  if (!tied || !tieEmbeddings) return config;
  const modules = ADAPTER_MODULES.filter((module) =>
    module === "embed_tokens" || module === "lm_head" ||
    config.modules?.includes(module)
  );
  return { ...config, modules, tied };
}

/** An adapter whose config has been read, and the names of its tensors. */
interface OpenedAdapter {
  readonly config: AdapterConfig;
  readonly store: TensorStore;
  /** What the config says is adapted. */
  readonly isAdapted: IsAdapted;
}

async function openAdapter(folder: string): Promise<OpenedAdapter> {
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
  const targets = ADAPTER_TARGETS.filter((target) =>
    names.some((name) => targetOf(name) === target)
  );
  const modules = ADAPTER_MODULES.filter((module) =>
    names.some((name) => wholeModuleOf(name) === module)
  );
  // What the config asks for is said before what is wrong with the tensors: it explains them.
  const config = parseAdapterConfig(json, { source, targets, modules });
  const stranger = names.find((name) =>
    targetOf(name) === undefined && wholeModuleOf(name) === undefined
  );
  if (stranger !== undefined) {
    throw new ModelError(
      `${path}: tensor ${
        JSON.stringify(stranger)
      } is no LoRA factor of a projection, and no module that can be held whole; adapted can be ${
        ADAPTER_TARGETS.join(", ")
      }, and held whole ${ADAPTER_MODULES.join(", ")}`,
    );
  }
  if (targets.length === 0) {
    throw new ModelError(`${path} holds no LoRA factors`);
  }
  const isAdapted = adaptedModules(json, source);
  const unasked = names.find((name) => {
    const module = moduleOfFactor(name);
    return module !== undefined && !isAdapted(module);
  });
  if (unasked !== undefined) {
    throw new ModelError(
      `${path}: tensor ${unasked} adapts a module that target_modules, exclude_modules and ` +
        `layers_to_transform in adapter_config.json leave alone`,
    );
  }
  checkSaved(names, { json, source, path, isTied: config.tied ?? false });
  return { config, store, isAdapted };
}

/**
 * @throws {ModelError} If a module is held whole that `modules_to_save` does not name, or none although it names some.
 */
function checkSaved(
  names: readonly string[],
  { json, source, path, isTied }: {
    readonly json: JsonObject;
    readonly source: string;
    readonly path: string;
    readonly isTied: boolean;
  },
): void {
  const saved = new Fields(json, `${source}:`).texts("modules_to_save") ?? [];
  const whole = names.filter((name) => wholeModuleOf(name) !== undefined);
  // PEFT finds modules by the ends of their paths; of a tied table either name does.
  const holdsTable = isTied && whole.some((name) => TABLE.test(name));
  const absent = saved.find((end) =>
    !whole.some((name) => name.endsWith(`${end}.weight`)) &&
    !(holdsTable && TABLE.test(`${end}.weight`))
  );
  if (absent !== undefined) {
    throw new ModelError(
      `${source}: modules_to_save names ${absent}, but ${path} holds no such module whole`,
    );
  }
  const unnamed = whole.find((name) =>
    !saved.some((end) => name.endsWith(`${end}.weight`)) &&
    !(isTied && TABLE.test(name))
  );
  if (unnamed === undefined) return;
  throw new ModelError(
    `${path}: tensor ${unnamed} holds a module whole that modules_to_save in adapter_config.json does not name`,
  );
}

/** Ends the names of the embedding and of the head. */
const TABLE = /(embed_tokens|lm_head)\.weight$/;

/** The module that a tensor is, told from its name. */
function wholeModuleOf(name: string): AdapterModule | undefined {
  return name.startsWith(PEFT_PREFIX) && moduleOfFactor(name) === undefined
    ? moduleOf(name.slice(PEFT_PREFIX.length))
    : undefined;
}

/** The path, in the model, of the module whose factor a tensor is; undefined for one that is no factor. */
function moduleOfFactor(name: string): string | undefined {
  return /^base_model\.model\.(.+)\.lora_[AB]\.weight$/.exec(name)?.[1];
}

/** The projection whose factor a tensor is, told from its name. */
function targetOf(name: string): AdapterTarget | undefined {
  const module =
    /^base_model\.model\.model\.layers\.\d+\.(?:self_attn|mlp)\.(\w+)\.lora_[AB]\.weight$/
      .exec(name)?.[1];
  return ADAPTER_TARGETS.find((target) => target === module);
}
