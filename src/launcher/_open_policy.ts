import { basename, join } from "node:path";
import type { ServeConfig } from "../config/mod.ts";
import { openWebGpu, type WebGpu } from "../engine/mod.ts";
import {
  adaptedMatrices,
  type Adapter,
  type AdapterConfig,
  initAdapter,
  isAdapterFolder,
  loadAdapter,
  type ModelConfig,
  modelTensors,
  type ModelWeights,
  moduleShapes,
  moduleTensors,
  untiesEmbeddings,
} from "../model/mod.ts";
import { ModelError } from "../errors.ts";
import { hubIdOf } from "../model/hub/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import type { WeightTensor } from "../nn/mod.ts";
import { checkOwnShape } from "./_adapter_shape.ts";
import { type PolicyUse, standingAdapter } from "./_policy_options.ts";
import { checkMemory, fitPolicy } from "./_run_memory.ts";

/** What a policy is opened for, and from. */
export interface OpenPolicyOptions extends PolicyUse {
  /** Of the folder `model.path`. */
  readonly weights: ModelWeights;
  /** Is told what memory it will take, before any is taken. */
  readonly onMemory?: ((memory: MemoryUse) => void) | undefined;
  /** Is told what is worth knowing. */
  readonly onNote?: ((text: string) => void) | undefined;
}

/** A policy on the GPU. */
export interface OpenPolicy {
  readonly gpu: WebGpu;
  /** Shape of the adapter that stands over the model's own weights; absent where none does. */
  readonly adapter?: AdapterConfig;
}

/**
 * Puts the policy of `config` on the GPU: the model's weights, and over them the adapter that it names or trains.
 *
 * @throws {ModelError} If weights or adapter cannot be used.
 * @throws {DeviceError} If the GPU cannot hold them.
 */
export async function openPolicy(
  config: ServeConfig,
  { weights, onMemory, onNote, ...use }: OpenPolicyOptions,
): Promise<OpenPolicy> {
  const { model, train } = config;
  const { trained } = use;
  const given = model.adapter === null
    ? undefined
    : await loadAdapter(model.adapter, weights.config);
  const merged = trained && train.method === "full" ? given : undefined;
  if (merged && untiesEmbeddings(weights.config, merged.config)) {
    throw new ModelError(
      `${model.adapter} parts the embedding and the head of ${model.path}, so the two make another model: write that with export, and train it`,
    );
  }
  const shape = standingAdapter(config, given?.config, {
    ...use,
    shape: weights.config,
  });
  const [before, now] = [given?.config, shape].map((of) => of?.dropout ?? 0);
  if (given && shape && before !== now) {
    onNote?.(
      `The adapter ${model.adapter} was trained with dropout ${before}, and goes on with train.lora.dropout: ${now}`,
    );
  }
  const fitted = await fitPolicy(config, {
    ...use,
    shape: weights.config,
    adapter: shape,
  });
  onMemory?.(fitted.memory);
  checkMemory(fitted, config);
  const tensors = await weightTensors(weights, merged);
  const adapter = shape &&
    (given
      ? { ...given, config: shape }
      : newAdapter(config, { shape, model: weights.config, tensors }));
  const { adapter: room, ...sizes } = fitted.options;
  const gpu = await openWebGpu({
    ...sizes,
    weights: tensors,
    name: basename(hubIdOf(model.path) ?? model.path),
    ...(room && adapter && {
      adapter: {
        lora: room.lora,
        weights: adapter.tensors,
        others: await agentAdapters(room.others ?? [], {
          folder: model.adapter,
          adapter,
          model: weights.config,
        }),
      },
    }),
  });
  return { gpu, ...(adapter && { adapter: adapter.config }) };
}

/** An adapter that has not been trained. */
interface NewAdapter {
  readonly config: AdapterConfig;
  readonly tensors: readonly WeightTensor[];
}

function newAdapter(
  config: ServeConfig,
  { shape, model, tensors }: {
    readonly shape: AdapterConfig;
    readonly model: ModelConfig;
    /** The model's parameters, whose numbers the adapter's modules share. */
    readonly tensors: readonly WeightTensor[];
  },
): NewAdapter {
  const { path } = config.model;
  const id = hubIdOf(path);
  // The folder of a snapshot is called after its commit.
  const base = id === undefined
    ? { base: path }
    : { base: id, baseRevision: basename(path) };
  return {
    config: { ...shape, ...base },
    tensors: [
      ...initAdapter(model, shape, config.seed),
      ...moduleTensors(tensors, shape),
    ],
  };
}

/**
 * The adapters of the agents that have their own, each from the folder of its name in the default one's, as a checkpoint
 * has them; where there is none, it begins as the default one does.
 */
async function agentAdapters(
  agents: readonly string[],
  { folder, adapter, model }: {
    readonly folder: string | null;
    readonly adapter: NewAdapter;
    readonly model: ModelConfig;
  },
): Promise<ReadonlyMap<string, readonly WeightTensor[]>> {
  const tensors = new Map<string, readonly WeightTensor[]>();
  for (const agent of agents) {
    if (folder === null || !await isAdapterFolder(join(folder, agent))) {
      tensors.set(agent, adapter.tensors);
      continue;
    }
    const own = join(folder, agent);
    const loaded = await loadAdapter(own, model);
    checkOwnShape(loaded.config, {
      folder: own,
      shared: folder,
      room: adapter.config,
    });
    tensors.set(agent, loaded.tensors);
  }
  return tensors;
}

/** The parameters, each where it lies in its file; those that `adapter` changes are read and merged. */
async function weightTensors(
  { config, tensors }: ModelWeights,
  adapter: Adapter | undefined,
): Promise<readonly WeightTensor[]> {
  const changed = new Set<string>(
    adapter && [
      ...adaptedMatrices(config, adapter.config).map(({ weight }) => weight),
      ...moduleShapes(config, adapter.config).keys(),
    ],
  );
  const all = modelTensors({ config, tensors }, adapter);
  return await Array.fromAsync(
    all,
    async ({ name, shape, read }) =>
      changed.has(name)
        ? { name, shape, data: await read() }
        : tensors.tensors.get(name)!,
  );
}
