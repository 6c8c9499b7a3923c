import { UserError } from "../../errors.ts";
import type { Engine, Sampling } from "../engine.ts";
import type { WeightSink } from "../weight_sink.ts";
import { FixedWeights } from "./_fixed_weights.ts";
import { FullWeights } from "./_full_weights.ts";
import { Gate } from "./_gate.ts";
import { wrongLogprobs } from "./_logprobs_mode.ts";
import { LoraWeights } from "./_lora_weights.ts";
import { type ProbedServer, probeServer } from "./_probe_server.ts";
import type { PathMapping, ServedWeights } from "./_served_weights.ts";
import { Attendance } from "./_attendance.ts";
import { persist, type Persistence } from "./_persist.ts";
import { checkTokenizer, type TokenizedText } from "./_check_tokenizer.ts";
import { Server } from "./_server.ts";
import { ServerPool } from "./_server_pool.ts";
import { VllmEngine, type VllmStats } from "./vllm_engine.ts";

/** Options of {@linkcode openVllm}. */
export interface OpenVllmOptions {
  /** Base URLs of the servers, all with the same model; `/v1` at the end may be there or not. */
  readonly urls: readonly string[];
  /** Name under which the servers serve the model. @default {the first that they list} */
  readonly model?: string;
  /** Sent as bearer token, where the servers ask for one. */
  readonly apiKey?: string;
  /** A text, and the tokens that the servers must see in it: that they have the same tokenizer. */
  readonly sample?: TokenizedText;
  /** What weights will be published; without it, the servers serve what they have. */
  readonly weights?: "lora" | "full";
  /**
   * Agents that have an adapter of their own, in the folder of their name in each that is published, beside the one that
   * all others share. @default {[]}
   */
  readonly agents?: readonly string[];
  /** Policy version of the weights that the servers were started with. @default {0} */
  readonly version?: number;
  /** Adapters of older versions that stay loaded beside the newest. @default {0} */
  readonly staleness?: number;
  /** Folders that the servers see under another path. */
  readonly paths?: PathMapping;
  /** Whether the servers will be put to sleep while others use their GPU. @default {false} */
  readonly sleeps?: boolean;
  /** How most tokens will be sampled: refused where the servers' logprobs would be of something else. */
  readonly sampling?: Partial<Sampling>;
  /** Most requests at one server at a time. @default {256} */
  readonly maxInFlight?: number;
  /** A server in whose own queue more requests wait gets no further ones. @default {64} */
  readonly maxQueued?: number;
  /** Seconds for which what was seen of a server is taken for granted. @default {2} */
  readonly observeSeconds?: number;
  /** Longest time in seconds that a server may say nothing about a generation. @default {120} */
  readonly idleSeconds?: number;
  /** Seconds for which servers that are away or overloaded are waited for, by each request. @default {600} */
  readonly patienceSeconds?: number;
  /** Times that a generation is sent again after a failure. @default {4} */
  readonly retries?: number;
  /** First pause in seconds before anything is tried again; doubles each time. @default {0.25} */
  readonly backoffSeconds?: number;
  /** Ends the waiting for servers that are away while weights are published or probed. */
  readonly signal?: AbortSignal | undefined;
  /** Is told, in a sentence, that a server is away, that it is back, and what slows it down. */
  readonly onNote?: ((words: string) => void) | undefined;
  /** @default {the global one} */
  readonly fetch?: typeof fetch;
}

/** An engine of vLLM servers; dispose of it to take back what was loaded into them. */
export interface Vllm extends AsyncDisposable {
  readonly engine: Engine;
  /** Where trained weights go; undefined where none were to be published. */
  readonly weights: WeightSink | undefined;
  /** What was found out about each server. */
  readonly servers: readonly VllmServer[];
  /** Counts since it was opened. */
  readonly stats: VllmStats;
  /**
   * Lets generations under way end, and has new ones wait until it is disposed of: who scores several times in a row
   * stops sampling once.
   */
  hold(): Promise<Disposable>;
  /** Has the servers give up their GPU memory, once no generation is under way; new ones wait. */
  sleep(): Promise<void>;
  /** Undoes `sleep`. */
  wake(): Promise<void>;
}

/** What was found out about a server. */
export interface VllmServer extends Omit<ProbedServer, "load"> {
  readonly url: string;
}

/**
 * Connects to vLLM servers, after asking each what it can do.
 *
 * @throws {UserError} If one is away, lacks something, or serves another model than the others.
 */
export async function openVllm(options: OpenVllmOptions): Promise<Vllm> {
  const { urls, apiKey, weights: kind, sleeps = false, sample } = options;
  if (urls.length === 0) throw new UserError("engine.url names no server");
  const servers = [...new Set(urls.map(originOf))].map((url) =>
    new Server({
      url,
      fetch: options.fetch ?? fetch,
      ...(apiKey !== undefined && { apiKey }),
    })
  );
  const probed = await Promise.all(
    servers.map((server) =>
      probeServer(server, { model: options.model, weights: kind, sleeps })
    ),
  );
  const { model, maxContext, logprobsMode } = agreed(servers, probed);
  checkSampling(servers, probed, options.sampling);
  if (sample !== undefined) {
    const check = { model, ...sample };
    await Promise.all(servers.map((server) => checkTokenizer(server, check)));
  }

  const gate = new Gate();
  const backoffMs = (options.backoffSeconds ?? 0.25) * 1000;
  const patienceMs = (options.patienceSeconds ?? 600) * 1000;
  const onNote = options.onNote ?? (() => {});
  const attendance = new Attendance(onNote);
  const { signal } = options;
  const persistence = { patienceMs, backoffMs, signal, attendance };
  const weights = servedWeights(servers, {
    ...options,
    model,
    gate,
    persistence,
  });
  for (const note of smallRooms(servers, probed, options)) onNote(note);
  const pool = new ServerPool(
    new Map(servers.map((server, at) => [server, probed[at]!.load])),
    {
      maxInFlight: options.maxInFlight ?? 256,
      maxQueued: options.maxQueued ?? 64,
      observeMs: (options.observeSeconds ?? 2) * 1000,
      backoffMs,
      attendance,
      restore: (server, found) => weights.restore(server, found),
    },
  );
  const engine = new VllmEngine({
    model,
    maxContext,
    logprobsMode,
    servers,
    pool,
    weights,
    gate,
    persistence,
    limits: {
      idleMs: (options.idleSeconds ?? 120) * 1000,
      patienceMs,
      backoffMs,
      retries: options.retries ?? 4,
    },
  });
  return {
    engine,
    weights: weights.sink,
    servers: servers.map(({ url }, at) => {
      const { load: _, ...found } = probed[at]!;
      return { url, ...found };
    }),
    get stats() {
      return engine.stats;
    },
    async hold() {
      await gate.close();
      return { [Symbol.dispose]: () => gate.open() };
    },
    async sleep() {
      await gate.close();
      await post(servers, "/sleep?level=1", persistence);
    },
    async wake() {
      await post(servers, "/wake_up", persistence);
      gate.open();
    },
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await weights.retire();
    },
  };
}

function originOf(url: string): string {
  const bare = url.trim().replace(/\/+$/, "").replace(/\/v1$/, "");
  if (URL.canParse(bare) && /^https?:/.test(bare)) return bare;
  throw new UserError(
    `engine.url: ${
      JSON.stringify(url)
    } is no http address; write it as http://127.0.0.1:8000`,
  );
}

/** What all servers have in common. */
function agreed(
  servers: readonly Server[],
  probed: readonly ProbedServer[],
): Pick<ProbedServer, "model" | "maxContext" | "logprobsMode"> {
  const [first, ...others] = probed;
  others.forEach(({ model, logprobsMode }, at) => {
    if (model === first!.model && logprobsMode === first!.logprobsMode) return;
    throw new UserError(
      `vLLM at ${
        servers[at + 1]!.url
      } serves ${model} with ${logprobsMode} logprobs, and ` +
        `${servers[0]!.url} serves ${first!.model} with ${
          first!.logprobsMode
        } logprobs: all must do the same`,
    );
  });
  return {
    ...first!,
    maxContext: Math.min(...probed.map(({ maxContext }) => maxContext)),
  };
}

function checkSampling(
  servers: readonly Server[],
  probed: readonly ProbedServer[],
  sampling: Partial<Sampling> | undefined,
): void {
  const wrong = sampling && wrongLogprobs(probed[0]!.logprobsMode, {
    temperature: 1,
    topK: 0,
    topP: 1,
    minP: 0,
    ...sampling,
  });
  if (wrong === undefined) return;
  throw new UserError(
    `Nothing could be learnt from ${servers[0]!.url}: ${wrong}`,
  );
}

/** What is said of servers that cannot compute with all adapters of a run at a time. */
function* smallRooms(
  servers: readonly Server[],
  probed: readonly ProbedServer[],
  { weights, agents = [], staleness = 0 }: OpenVllmOptions,
): Generator<string> {
  if (weights !== "lora") return;
  const needed = (1 + agents.length) * (staleness + 1);
  for (const [at, { url }] of servers.entries()) {
    const { adapterRoom: room = needed } = probed[at]!;
    if (room >= needed) continue;
    yield `vLLM at ${url} computes with ${room} ${
      room === 1 ? "adapter" : "adapters"
    } at a time, and up to ${needed} are in use: calls of the others wait; start it with --max-loras ${needed}`;
  }
}

function servedWeights(
  servers: readonly Server[],
  options: OpenVllmOptions & {
    readonly model: string;
    readonly gate: Gate;
    readonly persistence: Persistence;
  },
): ServedWeights {
  const { weights, model, version = 0, staleness = 0, paths } = options;
  const { gate, persistence, agents = [] } = options;
  switch (weights) {
    case undefined:
      return new FixedWeights(model, version);
    case "full":
      return new FullWeights({
        servers,
        model,
        version,
        paths,
        gate,
        persistence,
      });
    case "lora":
      return new LoraWeights({
        servers,
        base: model,
        agents,
        version,
        staleness,
        paths,
        persistence,
        prefix: `policy-${crypto.randomUUID().slice(0, 8)}`,
      });
    default:
      return weights satisfies never;
  }
}

async function post(
  servers: readonly Server[],
  path: string,
  persistence: Persistence,
): Promise<void> {
  const request = { method: "POST", timeoutMs: 300_000 } as const;
  await Promise.all(
    servers.map((server) =>
      persist(server, () => server.text(path, request), persistence)
    ),
  );
}
