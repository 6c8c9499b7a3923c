import { UserError } from "../../errors.ts";
import {
  detectLogprobsMode,
  type LogprobsMode,
  type ScoredTop,
} from "./_logprobs_mode.ts";
import { scoreSequence } from "./_score_sequence.ts";
import type { Server, ServerLoad } from "./_server.ts";
import { ServerError } from "./_server_error.ts";

/** What is asked of a server. */
export interface ProbeServerOptions {
  /** The model it must serve; the first that it lists if left out. */
  readonly model: string | undefined;
  /** What weights will be published to it. */
  readonly weights: "lora" | "full" | undefined;
  /** Whether it must be able to sleep. */
  readonly sleeps: boolean;
}

/** What a server has been found to be. */
export interface ProbedServer {
  /** Of vLLM, as it says. */
  readonly version: string;
  readonly model: string;
  readonly maxContext: number;
  readonly logprobsMode: LogprobsMode;
  /** Adapters that it computes with at a time; undefined where none are to be published, or it does not say. */
  readonly adapterRoom: number | undefined;
  readonly load: ServerLoad;
}

interface ModelList {
  readonly data?: readonly {
    readonly id: string;
    readonly max_model_len?: number | null;
  }[];
}

/** The fields of `/server_info` that are read. */
interface ServerInfo {
  readonly vllm_config?: string | {
    readonly model_config?: { readonly enable_sleep_mode?: unknown };
  };
}

const OLDEST = [0, 17] as const;
const ADAPTER_ENV = "VLLM_ALLOW_RUNTIME_LORA_UPDATING=True";
const DEV_ENV = "VLLM_SERVER_DEV_MODE=1";
const SLEEP_FLAG = "--enable-sleep-mode";

/**
 * Finds out what a server can do, by asking it.
 *
 * @throws {UserError} If something that is needed is missing, naming what turns it on.
 */
export async function probeServer(
  server: Server,
  { model: wanted, weights, sleeps }: ProbeServerOptions,
): Promise<ProbedServer> {
  try {
    const version = await versionOf(server);
    const { model, maxContext } = await modelOf(server, wanted);
    await checkRoutes(server, { weights, sleeps });
    const load = await server.load();
    if (weights === "full" && load.startedAt === undefined) {
      throw lacks(
        server,
        "process_start_time_seconds in its /metrics",
        "do not turn its metrics off",
      );
    }
    const logprobsMode = await detectLogprobsMode(
      server,
      (prompt) => scoreTop(server, model, prompt),
    );
    // Known once it has sampled.
    const adapterRoom = weights === "lora"
      ? await server.adapterRoom()
      : undefined;
    return { version, model, maxContext, logprobsMode, adapterRoom, load };
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    throw new UserError(
      `Cannot use ${server.url} as engine: ${error.message}`,
      { cause: error },
    );
  }
}

async function versionOf(server: Server): Promise<string> {
  const { version } = await server.json("/version") as { version?: unknown };
  if (typeof version !== "string") {
    throw new UserError(
      `${server.url} does not say which version of vLLM it is`,
    );
  }
  const [major = 0, minor = 0] = version.split(".").map(Number);
  // Builds from a checkout call themselves 0.1.dev…
  const isOld = !version.includes("dev") && major === 0 && minor < OLDEST[1];
  if (isOld) {
    throw new UserError(
      `vLLM at ${server.url} is version ${version}: use ${
        OLDEST.join(".")
      } or newer`,
    );
  }
  return version;
}

async function modelOf(
  server: Server,
  wanted: string | undefined,
): Promise<{ readonly model: string; readonly maxContext: number }> {
  const { data = [] } = await server.json("/v1/models") as ModelList;
  const found = wanted === undefined
    ? data[0]
    : data.find(({ id }) => id === wanted);
  if (found === undefined) {
    const served = data.map(({ id }) => id).join(", ") || "none";
    throw new UserError(
      `vLLM at ${server.url} does not serve ${
        wanted ?? "any model"
      }; it serves ${served}: start it with --served-model-name, or set engine.model`,
    );
  }
  if (typeof found.max_model_len !== "number") {
    throw lacks(
      server,
      "max_model_len in its /v1/models",
      "it is not a vLLM server of a version from 0.17 on",
    );
  }
  // One less than there is: a scored sequence needs room for the token that vLLM samples behind it.
  return { model: found.id, maxContext: found.max_model_len - 1 };
}

async function checkRoutes(
  server: Server,
  { weights, sleeps }: Pick<ProbeServerOptions, "weights" | "sleeps">,
): Promise<void> {
  const needed = [
    ...(weights === "lora"
      ? [[
        "/v1/load_lora_adapter",
        `start it with ${ADAPTER_ENV} in its environment, and --enable-lora`,
      ]]
      : []),
    ...(weights === "full"
      ? [["/collective_rpc", `start it with ${DEV_ENV} in its environment`]]
      : []),
    ...(sleeps
      ? [[
        "/sleep",
        `start it with ${DEV_ENV} in its environment, and ${SLEEP_FLAG}`,
      ]]
      : []),
  ] as [string, string][];
  for (const [path, remedy] of needed) {
    if (!await server.hasRoute(path)) throw lacks(server, path, remedy);
  }
  if (sleeps && await isSleepOff(server)) {
    throw lacks(
      server,
      "sleep mode",
      `start it with ${SLEEP_FLAG}, which vLLM has on GPUs alone, or set engine.sleep to false`,
    );
  }
}

/**
 * Whether the server says that it cannot sleep: it has the routes all the same, and on CPUs answers that it sleeps.
 * False where it does not say, as before vLLM gave its configuration as JSON.
 */
async function isSleepOff(server: Server): Promise<boolean> {
  try {
    const path = "/server_info?config_format=json";
    const { vllm_config: config } = await server.json(path) as ServerInfo;
    if (typeof config === "string") return false;
    return config?.model_config?.enable_sleep_mode === false;
  } catch (error) {
    if (error instanceof ServerError && error.failure === "missing") {
      return false;
    }
    throw error;
  }
}

/** One token sampled at temperature 2, and scored at temperature 1. */
async function scoreTop(
  server: Server,
  model: string,
  prompt: readonly number[],
): Promise<ScoredTop> {
  const answer = await server.json("/v1/completions", {
    body: {
      model,
      prompt,
      max_tokens: 1,
      temperature: 2,
      top_k: 1,
      top_p: 1,
      min_p: 0,
      repetition_penalty: 1,
      seed: 0,
      ignore_eos: true,
      logprobs: 0,
      return_token_ids: true,
    },
    timeoutMs: FIRST_TOKEN_MS,
  }) as {
    readonly choices?: readonly {
      readonly token_ids?: readonly number[] | null;
      readonly logprobs?: { readonly token_logprobs?: readonly number[] };
    }[];
  };
  const choice = answer.choices?.[0];
  const token = choice?.token_ids?.[0];
  const sampled = choice?.logprobs?.token_logprobs?.[0];
  if (token === undefined) {
    throw lacks(
      server,
      "token ids in its answers (return_token_ids)",
      "use vLLM 0.17 or newer",
    );
  }
  if (sampled === undefined) {
    throw lacks(
      server,
      "logprobs in its answers",
      "start it without --max-logprobs 0",
    );
  }
  const [, scored] = await scoreSequence(server, {
    model,
    tokens: [...prompt, token],
  });
  return { sampled, scored: scored! };
}

/** A server's first token may have to wait until its kernels are compiled. */
const FIRST_TOKEN_MS = 600_000;

function lacks(server: Server, what: string, remedy: string): UserError {
  return new UserError(`vLLM at ${server.url} lacks ${what}: ${remedy}`);
}
