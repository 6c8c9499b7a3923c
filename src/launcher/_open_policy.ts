import { basename } from "node:path";
import { adapterOf, type ServeConfig } from "../config/mod.ts";
import { openWebGpu, type WebGpu } from "../engine/mod.ts";
import {
  type Adapter,
  type AdapterConfig,
  adapterScale,
  initAdapter,
  loadAdapter,
  type ModelConfig,
  modelTensors,
  type ModelWeights,
} from "../model/mod.ts";
import { hubIdOf } from "../model/hub/mod.ts";
import type { HostTensor } from "../nn/mod.ts";

/** What a policy is opened for. */
export interface OpenPolicyOptions {
  /** Of the folder `model.path`. */
  readonly weights: ModelWeights;
  /** Whether it will be updated. */
  readonly trained: boolean;
  /** Whether it will be sampled from; if not, no memory is kept for that. */
  readonly sampled: boolean;
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
  { weights, trained, sampled }: OpenPolicyOptions,
): Promise<OpenPolicy> {
  const { model, engine, train } = config;
  const given = model.adapter === null
    ? undefined
    : await loadAdapter(model.adapter, weights.config);
  const merged = trained && train.method === "full" ? given : undefined;
  const adapter = trained && train.method === "lora"
    ? given ?? newAdapter(config, weights.config)
    : merged
    ? undefined
    : given;
  const gpu = await openWebGpu({
    shape: weights.config,
    weights: await read(weights, merged),
    name: basename(hubIdOf(model.path) ?? model.path),
    trained,
    dtype: model.dtype,
    ...(adapter && {
      adapter: {
        lora: {
          rank: adapter.config.rank,
          scale: adapterScale(adapter.config),
          targets: adapter.config.targets,
        },
        weights: adapter.tensors,
      },
    }),
    maxNodes: train.max_nodes,
    ...(sampled
      ? {
        maxBatch: engine.max_batch,
        stepsPerSubmission: engine.steps_per_submission,
        ...(engine.max_context !== null && { maxContext: engine.max_context }),
        ...(engine.cache_tokens !== null &&
          { cacheTokens: engine.cache_tokens }),
      }
      : { maxBatch: 1, maxContext: 2, cacheTokens: 2 }),
  });
  return { gpu, ...(adapter && { adapter: adapter.config }) };
}

function newAdapter(config: ServeConfig, model: ModelConfig): Adapter {
  const { path } = config.model;
  const shape = { ...adapterOf(config), base: hubIdOf(path) ?? path };
  return { config: shape, tensors: initAdapter(model, shape, config.seed) };
}

async function read(
  weights: ModelWeights,
  adapter: Adapter | undefined,
): Promise<HostTensor[]> {
  const tensors: HostTensor[] = [];
  for (const { name, shape, read } of modelTensors(weights, adapter)) {
    tensors.push({ name, shape, data: await read() });
  }
  return tensors;
}
