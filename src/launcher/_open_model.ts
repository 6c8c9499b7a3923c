import { basename } from "node:path";
import type { ServeConfig } from "../config/mod.ts";
import { openWebGpu, type WebGpu } from "../engine/mod.ts";
import { ModelError } from "../errors.ts";
import {
  loadModelFolder,
  type ModelFolder,
  parameterShapes,
} from "../model/mod.ts";
import type { HostTensor } from "../nn/mod.ts";
import type { ChatModel } from "../tuner/mod.ts";

/** A model on the GPU, and what turns its text into tokens and back. */
export interface OpenModel {
  readonly gpu: WebGpu;
  readonly chat: ChatModel;
}

/**
 * Puts the model of `config` on the GPU.
 *
 * @param trained Whether its weights will be updated.
 * @throws {ModelError} If the folder cannot be used, or cannot chat.
 * @throws {DeviceError} If the GPU cannot hold it.
 */
export async function openModel(
  config: ServeConfig,
  trained: boolean,
): Promise<OpenModel> {
  const { model, engine, train } = config;
  const folder = await loadModelFolder(model.path);
  const chat = chatModel(folder);
  const gpu = await openWebGpu({
    shape: folder.config,
    weights: await readWeights(folder),
    name: basename(model.path),
    trained,
    maxNodes: train.max_nodes,
    maxBatch: engine.max_batch,
    stepsPerSubmission: engine.steps_per_submission,
    ...(engine.max_context !== null && { maxContext: engine.max_context }),
    ...(engine.cache_tokens !== null && { cacheTokens: engine.cache_tokens }),
  });
  return { gpu, chat };
}

function chatModel(folder: ModelFolder): ChatModel {
  const { tokenizer, template, toolFormat, eosIds, path } = folder;
  if (template === undefined) {
    throw new ModelError(
      `${path} has no chat template, so agents cannot talk to it: add chat_template.jinja`,
    );
  }
  return { tokenizer, template, toolFormat, eosIds };
}

async function readWeights(
  { config, tensors }: ModelFolder,
): Promise<HostTensor[]> {
  const weights: HostTensor[] = [];
  for (const [name, shape] of parameterShapes(config)) {
    weights.push({ name, shape, data: await tensors.read(name) });
  }
  return weights;
}
