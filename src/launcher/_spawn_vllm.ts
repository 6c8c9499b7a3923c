import type { ServeConfig } from "../config/mod.ts";
import type { AdapterConfig } from "../model/mod.ts";
import { isWell, VllmProcess } from "./_vllm_process.ts";

/** What a server is started for. */
export interface SpawnVllmOptions {
  readonly trained: boolean;
  /** Shape of the adapter that the config names; undefined where it names none. */
  readonly adapter: AdapterConfig | undefined;
  /** Agents that have an adapter of their own, of the same shape. */
  readonly agents: readonly string[];
  /** Told each second of waiting how many there were. */
  readonly onWait: (seconds: number) => void;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Ranks that vLLM has room for. */
const RANKS = [1, 8, 16, 32, 64, 128, 256, 320, 512];

/** A server, and what holds it. */
export interface SpawnedVllm {
  readonly url: string;
  /** Undefined where it was there already: it stays when the run ends. */
  readonly process: VllmProcess | undefined;
}

/**
 * Starts the server that `engine.spawn` describes, unless one answers already at its port.
 *
 * @throws {UserError} If it does not come up.
 */
export async function spawnVllm(
  config: ServeConfig,
  options: SpawnVllmOptions,
): Promise<SpawnedVllm> {
  const { command, port, ready } = config.engine.spawn;
  const [program, ...last] = command!;
  const url = `http://127.0.0.1:${port}`;
  if (await isWell(url, options.signal)) return { url, process: undefined };
  const process = await VllmProcess.start({
    command: [program!, ...vllmArguments(config, options), ...last],
    env: {
      VLLM_ALLOW_RUNTIME_LORA_UPDATING: "True",
      // The routes that reload whole weights, and those of sleep.
      VLLM_SERVER_DEV_MODE: "1",
    },
    url,
    readySeconds: ready,
    onWait: options.onWait,
    signal: options.signal,
  });
  return { url, process };
}

function vllmArguments(
  config: ServeConfig,
  { trained, adapter, agents }: SpawnVllmOptions,
): string[] {
  const { model, engine, rollout, train } = config;
  const { rank } = adapter ??
    (trained && train.method === "lora" ? train.lora : { rank: undefined });
  // The newest one, as many as episodes may be stale, and the one that is loaded meanwhile.
  const versions = trained ? rollout.max_staleness + 2 : 1;
  const isTruncated = rollout.top_k > 0 || rollout.top_p < 1 ||
    rollout.min_p > 0;
  return [
    "serve",
    model.path,
    ...["--host", "127.0.0.1", "--port", `${engine.spawn.port}`],
    ...(engine.model === null ? [] : ["--served-model-name", engine.model]),
    // One more: a scored sequence needs room for the token that vLLM samples behind it.
    ...(engine.max_context === null
      ? []
      : ["--max-model-len", `${engine.max_context + 1}`]),
    "--logprobs-mode",
    isTruncated ? "raw_logprobs" : "processed_logprobs",
    ...(rank === undefined ? [] : [
      "--enable-lora",
      "--max-lora-rank",
      `${RANKS.find((most) => most >= rank) ?? rank}`,
      "--max-loras",
      `${versions * (1 + agents.length)}`,
    ]),
    ...(trained && engine.sleep ? ["--enable-sleep-mode"] : []),
  ];
}
