import { EngineError, RequestError } from "../../errors.ts";
import type {
  Engine,
  EngineHealth,
  EngineInfo,
  GenerateRequest,
  Generation,
  ScoreOptions,
} from "../engine.ts";
import { DEFAULT_ADAPTER } from "../../nn/mod.ts";
import type { Gate } from "./_gate.ts";
import { generate, type GenerateOptions } from "./_generate.ts";
import { type LogprobsMode, wrongLogprobs } from "./_logprobs_mode.ts";
import { persist, type Persistence } from "./_persist.ts";
import { scoreSequence } from "./_score_sequence.ts";
import type { Lease, ServedWeights } from "./_served_weights.ts";
import type { Server } from "./_server.ts";
import type { ServerFailure } from "./_server_error.ts";
import type { ServerPool } from "./_server_pool.ts";

/** What has happened between an engine and its servers. */
export interface VllmStats {
  /** Generations asked for. */
  readonly generations: number;
  /** Requests that failed, by how; each was sent again, or its generation failed. */
  readonly failures: Readonly<Partial<Record<ServerFailure, number>>>;
  /** Generations that nothing may be learnt from. */
  readonly invalid: number;
}

/** What an engine is made of; put together by `openVllm`. */
export interface VllmEngineParts {
  readonly model: string;
  readonly maxContext: number;
  readonly logprobsMode: LogprobsMode;
  readonly servers: readonly Server[];
  readonly pool: ServerPool;
  readonly weights: ServedWeights;
  readonly gate: Gate;
  /** Of scoring. */
  readonly persistence: Persistence;
  readonly limits: Pick<
    GenerateOptions,
    "idleMs" | "retries" | "backoffMs" | "patienceMs"
  >;
}

/** Generates by vLLM servers. */
export class VllmEngine implements Engine {
  readonly #parts: VllmEngineParts;
  readonly #failures: Partial<Record<ServerFailure, number>> = {};
  #invalid = 0;
  #generations = 0;
  #closed = false;

  /** Use `openVllm`. */
  constructor(parts: VllmEngineParts) {
    this.#parts = parts;
  }

  get info(): EngineInfo {
    const { model, maxContext, weights } = this.#parts;
    return { kind: "vllm", model, maxContext, policyVersion: weights.version };
  }

  /** Counts since the engine was opened. */
  get stats(): VllmStats {
    return {
      generations: this.#generations,
      failures: { ...this.#failures },
      invalid: this.#invalid,
    };
  }

  async generate(request: GenerateRequest): Promise<Generation> {
    const { gate, weights, pool, limits, logprobsMode } = this.#parts;
    const { adapter = DEFAULT_ADAPTER } = request;
    const sampling = this.#clamped(request);
    this.#generations++;
    if (!await gate.enter(request.signal)) {
      const policyVersion = weights.version;
      return { tokens: [], logprobs: [], finishReason: "abort", policyVersion };
    }
    let lease: Lease | undefined;
    try {
      lease = weights.lease(adapter);
      const generation = await generate({ ...request, sampling }, {
        ...limits,
        pool,
        lease,
        isLostOnRestart: weights.isLostOnRestart,
        onFailure: ({ failure }) => {
          this.#failures[failure] = (this.#failures[failure] ?? 0) + 1;
        },
      });
      const invalid = generation.invalid ??
        wrongLogprobs(logprobsMode, sampling);
      if (invalid === undefined) return generation;
      this.#invalid++;
      return { ...generation, invalid };
    } finally {
      lease?.release();
      gate.leave();
    }
  }

  async score(
    sequences: readonly (readonly number[])[],
    { adapter = DEFAULT_ADAPTER }: ScoreOptions = {},
  ): Promise<Float32Array[]> {
    const { gate, weights, servers, pool, persistence } = this.#parts;
    // vLLM 0.32 on CPUs with --enable-lora dies of prompt logprobs beside another request.
    await gate.close();
    const scored: Float32Array[] = [];
    let lease: Lease | undefined;
    try {
      const { model } = lease = weights.lease(adapter);
      // In turn, so that a probe of the served weights sees every server.
      await Promise.all(
        servers.map((server, first) =>
          persist(server, async () => {
            await pool.settle(server);
            for (let at = first; at < sequences.length; at += servers.length) {
              const tokens = sequences[at]!;
              scored[at] ??= await scoreSequence(server, { model, tokens });
            }
          }, persistence)
        ),
      );
      return scored;
    } finally {
      lease?.release();
      gate.open();
    }
  }

  async health(): Promise<EngineHealth> {
    const { servers, pool } = this.#parts;
    const answers = await Promise.allSettled(
      servers.map((server) => server.text("/health")),
    );
    return {
      ok: answers.some(({ status }) => status === "fulfilled"),
      running: pool.inFlight,
      waiting: pool.waiting,
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  /** Sampling that fits into the context. */
  #clamped({ tokens, sampling }: GenerateRequest): GenerateRequest["sampling"] {
    if (this.#closed) throw new EngineError("The engine was closed");
    const { maxContext } = this.#parts;
    const room = maxContext - tokens.length;
    if (tokens.length > 0 && room > 0) {
      return { ...sampling, maxTokens: Math.min(sampling.maxTokens, room) };
    }
    throw new RequestError(
      tokens.length === 0
        ? "The prompt has no tokens"
        : `The prompt has ${tokens.length} tokens, but the context ends at ${maxContext}`,
    );
  }
}
