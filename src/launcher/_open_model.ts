import type { ServeConfig } from "../config/mod.ts";
import { ModelError, UserError } from "../errors.ts";
import { loadModelFolder, type ModelFolder } from "../model/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import type { ChatModel } from "../tuner/mod.ts";
import { type OpenPolicy, openPolicy } from "./_open_policy.ts";

/** A model on the GPU, and what turns its text into tokens and back. */
export interface OpenModel extends OpenPolicy {
  readonly chat: ChatModel;
}

/**
 * Puts the model of `config` on the GPU.
 *
 * @param trained Whether its weights will be updated.
 * @param onMemory Is told what memory it will take, before any is taken.
 * @throws {ModelError} If the folder cannot be used, or cannot chat.
 * @throws {DeviceError} If the GPU cannot hold it.
 */
export async function openModel(
  config: ServeConfig,
  trained: boolean,
  onMemory?: (memory: MemoryUse) => void,
): Promise<OpenModel> {
  if (config.engine.kind !== "webgpu") {
    throw new UserError(
      `engine.kind ${config.engine.kind} leads to a server: this command needs the model itself, on the embedded engine`,
    );
  }
  const weights = await loadModelFolder(config.model.path);
  const chat = chatModel(weights);
  const opened = await openPolicy(config, {
    weights,
    trained,
    sampled: true,
    episodes: trained,
    onMemory,
  });
  return { ...opened, chat };
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
