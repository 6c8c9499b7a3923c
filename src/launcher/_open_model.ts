import type { RemoteEngine } from "../backbone/mod.ts";
import type { ServeConfig } from "../config/mod.ts";
import type { AdapterSlots, Engine } from "../engine/mod.ts";
import { ModelError, UserError } from "../errors.ts";
import {
  type AdapterConfig,
  loadModelFolder,
  type ModelConfig,
  type ModelFolder,
} from "../model/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import type { Policy } from "../nn/mod.ts";
import type { ChatModel } from "../tuner/mod.ts";
import { openPolicy } from "./_open_policy.ts";
import { openServers } from "./_open_servers.ts";

/** A model that is served, and what turns its text into tokens and back. */
export interface OpenModel extends AsyncDisposable {
  readonly chat: ChatModel;
  /** Its architecture's sizes. */
  readonly shape: ModelConfig;
  readonly engine: Engine;
  /** Its weights on the GPU of this program; absent where vLLM serves it and it is not trained. */
  readonly policy?: Policy;
  /** Agents with an adapter of their own, which has their name. */
  readonly agents: readonly string[];
  /** Room for further adapters on that GPU; absent as `policy` is. */
  readonly slots?: AdapterSlots;
  /** Shape of the adapter that stands over the model's own weights; absent where none does. */
  readonly adapter?: AdapterConfig;
  /** How the servers behind `engine` get new weights; absent where it is embedded, or nothing is trained. */
  readonly remote?: RemoteEngine;
}

/** What a model is opened for. */
export interface OpenModelOptions {
  /** Whether its weights will be updated. */
  readonly trained: boolean;
  /** Whether its adapter will be exchanged, where train.method is lora. */
  readonly exchanged?: boolean;
  /** Whether the agents of the config act on it, each with its own adapter where it has one. */
  readonly acted?: boolean;
  /** Is told what memory it will take, before any is taken. */
  readonly onMemory?: ((memory: MemoryUse) => void) | undefined;
  /** Is told what is worth knowing. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Is told how many seconds a server that is started has been waited for. */
  readonly onWait?: ((seconds: number) => void) | undefined;
  /** Ends the waiting for a server that is started. @default {signal} */
  readonly opening?: AbortSignal | undefined;
  /** Ends all waiting for servers, then and later. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens the model of `config`: puts it on the GPU, or connects to the vLLM servers that have it, or both.
 *
 * @throws {ModelError} If the folder cannot be used, or cannot chat.
 * @throws {DeviceError} If the GPU cannot hold it.
 * @throws {UserError} If a server cannot be used.
 */
export async function openModel(
  config: ServeConfig,
  { trained, exchanged = false, acted = false, onMemory, onNote, ...waiting }:
    OpenModelOptions,
): Promise<OpenModel> {
  const { engine } = config;
  if (engine.kind === "openai") {
    throw new UserError(
      "engine.kind openai leads to a server that gives no token ids: this command needs webgpu or vllm",
    );
  }
  const folder = await loadModelFolder(config.model.path);
  const chat = chatModel(folder);
  const use = {
    weights: folder,
    trained,
    acted,
    episodes: trained,
    onMemory,
    onNote,
  };
  if (engine.kind === "webgpu") {
    const { gpu, adapter } = await openPolicy(config, {
      ...use,
      exchanged,
      sampled: true,
    });
    return {
      chat,
      shape: folder.config,
      engine: gpu.engine,
      policy: gpu.policy,
      agents: gpu.policy.adapters.slice(1),
      slots: gpu.adapters,
      ...(adapter && { adapter }),
      [Symbol.asyncDispose]: () => gpu[Symbol.asyncDispose](),
    };
  }
  await using opening = new AsyncDisposableStack();
  const { onWait = () => {}, ...ends } = waiting;
  const vllm = opening.use(
    await openServers(config, {
      folder,
      trained,
      acted,
      onWait,
      onNote,
      ...ends,
    }),
  );
  const policy = trained
    ? await openPolicy(config, { ...use, sampled: false })
    : undefined;
  if (policy) opening.use(policy.gpu);
  const open = opening.move();
  return {
    chat,
    shape: folder.config,
    engine: vllm.engine,
    agents: vllm.agents,
    ...(policy && {
      policy: policy.gpu.policy,
      remote: {
        weights: vllm.weights!,
        hold: () => vllm.hold(),
        ...(engine.sleep && {
          sleep: () => vllm.sleep(),
          wake: () => vllm.wake(),
        }),
      },
    }),
    ...(policy?.adapter && { adapter: policy.adapter }),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
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
