import type {
  FinishReason,
  GenerateRequest,
  Generation,
  Sampling,
} from "../engine.ts";
import { completionBody } from "./_completion_body.ts";
import { CompletionReader } from "./_completion_reader.ts";
import type { Lease } from "./_served_weights.ts";
import { ServerError } from "./_server_error.ts";
import type { Patience, Place, ServerPool } from "./_server_pool.ts";
import { sleep } from "./_sleep.ts";
import { streamCompletion } from "./_stream_completion.ts";

/** What a generation goes by. */
export interface GenerateOptions {
  readonly pool: ServerPool;
  /** The weights that it samples from, to its end. */
  readonly lease: Lease;
  /** Whether a server that is started again has other weights under the lease's name. */
  readonly isLostOnRestart: boolean;
  /** Longest time that a server may say nothing. */
  readonly idleMs: number;
  /** Times that it is sent again after a failure. */
  readonly retries: number;
  /** First pause before it is sent again; doubles each time. */
  readonly backoffMs: number;
  /** How long it may wait for servers that are away or ask to be left alone. */
  readonly patienceMs: number;
  /** Is told of each request that failed. */
  readonly onFailure: (error: ServerError) => void;
}

/** Spreads the seeds of a generation's requests over the 32-bit numbers: 2³² / golden ratio. */
const SEED_STEP = 0x9e3779b9;

/**
 * Samples one continuation, over as many requests as it takes.
 *
 * Where a request fails midway, what it has sampled stays, and the next one goes on behind it: the
 * tokens have come with their logprobs, and where a stream breaks does not depend on them, so the
 * whole is distributed as if nothing had happened.
 *
 * @throws {ServerError} If the request is refused, or has failed too often.
 */
export async function generate(
  request: GenerateRequest,
  options: GenerateOptions,
): Promise<Generation> {
  const { signal, sampling } = request;
  const { pool, lease, retries, backoffMs } = options;
  const patience: Patience = { leftMs: options.patienceMs };
  const tokens: number[] = [];
  const logprobs: number[] = [];
  let invalid: string | undefined;

  function ended(finishReason: FinishReason): Generation {
    return {
      tokens,
      logprobs,
      finishReason,
      policyVersion: lease.version,
      ...(invalid !== undefined && { invalid }),
    };
  }

  async function changed(
    place: Place,
    { tokens }: CompletionReader,
  ): Promise<string | undefined> {
    if (!options.isLostOnRestart || tokens.length === 0) return undefined;
    return await pool.isSameProcess(place)
      ? undefined
      : "the server may have been started again, with other weights, while it generated";
  }

  for (let failures = 0;;) {
    const place = await pool.place({
      affinity: request.affinity,
      signal,
      patience,
    });
    if (place === undefined) return ended("abort");
    const prompt = [...request.tokens, ...tokens];
    const reader = new CompletionReader(prompt);
    try {
      const body = completionBody({
        ...lease,
        prompt,
        sampling: {
          ...sampling,
          maxTokens: sampling.maxTokens - tokens.length,
          seed: (sampling.seed + failures * SEED_STEP) >>> 0,
        },
      });
      await streamCompletion(place.server, body, {
        reader,
        signal,
        idleMs: options.idleMs,
        onTokens(sampled) {
          for (const id of sampled.tokens) tokens.push(id);
          for (const logprob of sampled.logprobs) logprobs.push(logprob);
          request.onTokens?.(sampled.tokens, sampled.logprobs);
        },
      });
      invalid ??= reader.problem() ?? await changed(place, reader);
      return ended(reader.finishReason === "length" ? "length" : "stop");
    } catch (error) {
      invalid ??= reader.problem() ?? await changed(place, reader);
      if (signal?.aborted) return ended("abort");
      if (!(error instanceof ServerError)) throw error;
      options.onFailure(error);
      const reached = reachedEnd(tokens, sampling);
      if (reached !== undefined) return ended(reached);
      if (error.failure === "refused") throw error;
      if (error.failure === "busy") {
        pool.rest(place.server, error.retryAfterMs);
        continue;
      }
      pool.suspect(place.server);
      if (failures === retries) throw error;
      await sleep(backoffMs * 2 ** failures++, signal);
    } finally {
      place.leave();
    }
  }
}

/** How a sample ends whose last tokens came without the word that they are the last. */
function reachedEnd(
  tokens: readonly number[],
  { stopTokens, maxTokens }: Sampling,
): FinishReason | undefined {
  if (stopTokens.includes(tokens.at(-1)!)) return "stop";
  return tokens.length >= maxTokens ? "length" : undefined;
}
