import { engineUrls, type ServeConfig } from "../config/mod.ts";
import { openVllm, type Vllm } from "../engine/mod.ts";
import { ModelError } from "../errors.ts";
import { type ModelFolder, readAdapterConfig } from "../model/mod.ts";
import { apiKeyOf } from "./_api_key.ts";
import { samplingOf } from "./_sampling.ts";
import { servedAgents } from "./_served_agents.ts";
import { spawnVllm } from "./_spawn_vllm.ts";

/** What the servers are for. */
export interface OpenServersOptions {
  /** The model that they must serve. */
  readonly folder: ModelFolder;
  /** Whether the weights they serve will be updated. */
  readonly trained: boolean;
  /** Whether the agents of the config act on them, each with its own adapter where it has one. */
  readonly acted: boolean;
  /** Is told how long a server that is started has been waited for. */
  readonly onWait: (seconds: number) => void;
  /** Is told, in a sentence, that a server is away, that it is back, and what slows it down. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Ends the waiting for a server that is started. @default {signal} */
  readonly opening?: AbortSignal | undefined;
  /** Ends all waiting, then and later. */
  readonly signal?: AbortSignal | undefined;
}

/** The servers, and what is theirs alone. */
export interface OpenServers extends Vllm {
  /** Agents whose own adapters they serve. */
  readonly agents: readonly string[];
}

/** Version of what a server has loaded by itself: it comes before the policy's first. */
const UNTRAINED = -1;
/** What tokenizers tell apart that are not the same: words, digits, spaces, other scripts. */
const SAMPLE = "The agent's answer: 12 + 345 = 357\n\n\tnaïve café, 東京 🙂";

/**
 * Connects to the vLLM servers of `config`; an adapter that it names is published to them, with those of agents that it
 * holds, unless it will be trained.
 *
 * @throws {UserError} If one is away, lacks something, or serves another model, or the adapter is none that vLLM serves.
 */
export async function openServers(
  config: ServeConfig,
  options: OpenServersOptions,
): Promise<OpenServers> {
  const { folder, trained, acted, onWait, onNote, signal } = options;
  const { engine, model, rollout, train } = config;
  const { from, to } = engine.paths;
  const apiKey = apiKeyOf(config);
  const weights = trained
    ? train.method
    : model.adapter === null
    ? undefined
    : "lora";
  const adapter = model.adapter === null
    ? undefined
    : await readAdapterConfig(model.adapter);
  if (weights === "lora" && adapter?.modules) {
    throw new ModelError(
      `${model.adapter} holds ${
        adapter.modules.join(", ")
      } whole, and vLLM serves adapters of factors alone: merge it into the model with export, or set engine.kind to webgpu`,
    );
  }
  const agents = await servedAgents(config, { trained, acted, adapter });
  await using held = new AsyncDisposableStack();
  let urls = engineUrls(config);
  if (engine.spawn.command !== null) {
    const { url, process } = await spawnVllm(config, {
      trained,
      adapter,
      agents,
      onWait,
      signal: options.opening ?? signal,
    });
    if (process) held.use(process);
    urls = [url];
  }
  const vllm = held.use(
    await openVllm({
      urls,
      ...(engine.model !== null && { model: engine.model }),
      ...(apiKey !== undefined && { apiKey }),
      ...(weights !== undefined && { weights, version: UNTRAINED }),
      agents,
      staleness: trained ? rollout.max_staleness : 0,
      ...(from !== null && to !== null && { paths: { from, to } }),
      sample: { text: SAMPLE, tokens: folder.tokenizer.encode(SAMPLE) },
      sampling: samplingOf(config),
      sleeps: trained && engine.sleep,
      maxInFlight: engine.max_batch,
      patienceSeconds: engine.patience,
      signal,
      onNote,
    }),
  );
  if (!trained && model.adapter !== null) {
    await vllm.weights!.publish(model.adapter, 0);
  }
  const open = held.move();
  return {
    ...vllm,
    agents,
    get stats() {
      return vllm.stats;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
