import { EngineError } from "../errors.ts";
import {
  type DecodedRow,
  type Decoder,
  MAX_STOP_TOKENS,
  type PrefillRow,
} from "./decoder.ts";
import { KvCache, type Lease } from "./kv_cache.ts";

/** A generation to schedule; the engine's request without its callbacks. */
export interface ScheduledRequest {
  readonly id: number;
  readonly tokens: readonly number[];
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly seed: number;
  readonly maxTokens: number;
  readonly stopTokens: readonly number[];
}

/** What a submission brought for one request. */
export interface Progress {
  readonly id: number;
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
  /** Set when the generation is over. */
  readonly finishReason?: "stop" | "length" | "abort";
}

interface Running {
  readonly request: ScheduledRequest;
  readonly lease: Lease;
  readonly page: number;
  /** Sampled so far. */
  readonly tokens: number[];
  readonly lastPosition: number;
}

/**
 * Decides which sequences are decoded together: they join and leave between submissions, in the order of
 * their arrival, as far as pages and cache slots go round.
 */
export class Scheduler {
  readonly #cache: KvCache;
  readonly #waiting: ScheduledRequest[] = [];
  readonly #running: Running[] = [];
  readonly #pages: number[] = [];
  readonly #cancelled = new Set<number>();

  constructor(readonly decoder: Decoder) {
    this.#cache = new KvCache(decoder.size.cacheTokens);
    for (let page = decoder.size.maxBatch - 1; page >= 0; page--) {
      this.#pages.push(page);
    }
  }

  get running(): number {
    return this.#running.length;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Queues a request.
   *
   * @throws {EngineError} If it can never be served.
   */
  add(request: ScheduledRequest): void {
    const { maxContext, cacheTokens } = this.decoder.size;
    const { tokens, temperature, maxTokens, stopTokens } = request;
    if (tokens.length === 0) throw new EngineError("The prompt has no tokens");
    const { vocabSize } = this.decoder;
    const stranger = tokens.find((token) =>
      !Number.isInteger(token) || token < 0 || token >= vocabSize
    );
    if (stranger !== undefined) {
      throw new EngineError(
        `Token id ${stranger} is outside the model's vocabulary of ${vocabSize}`,
      );
    }
    if (!(temperature >= 0 && temperature < Infinity)) {
      throw new EngineError(
        `The temperature is ${temperature}; it must be a number from 0 up`,
      );
    }
    if (!(maxTokens >= 1)) {
      throw new EngineError(
        `maxTokens is ${maxTokens}; at least 1 token must be asked for`,
      );
    }
    if (tokens.length >= maxContext) {
      throw new EngineError(
        `The prompt has ${tokens.length} tokens, but the context ends at ${maxContext}`,
      );
    }
    if (tokens.length >= cacheTokens) {
      throw new EngineError(
        `The prompt has ${tokens.length} tokens, but the cache holds ${cacheTokens}`,
      );
    }
    if (stopTokens.length > MAX_STOP_TOKENS) {
      throw new EngineError(
        `${stopTokens.length} stop tokens were asked for; at most ${MAX_STOP_TOKENS} are supported`,
      );
    }
    this.#waiting.push(request);
  }

  /** Ends a request before its time; what was sampled until then has been reported. */
  cancel(id: number): void {
    this.#cancelled.add(id);
  }

  /** Forgets cached keys and values, as after a change of weights; nothing may be running. */
  clear(): void {
    this.#cache.clear();
  }

  /**
   * Runs one submission.
   *
   * @param admit Whether waiting sequences may join.
   * @returns What happened to each request that took part; empty if there was nothing to do.
   */
  async step(
    { admit = true }: { readonly admit?: boolean } = {},
  ): Promise<readonly Progress[]> {
    const ended = this.#sweep();
    if (admit) this.#admit();
    if (this.#running.length === 0) return ended;
    const left = ({ lastPosition, request, tokens }: Running) =>
      lastPosition - (request.tokens.length + tokens.length - 1);
    const steps = Math.min(
      this.decoder.size.stepsPerSubmission,
      this.#running.reduce(
        (most, sequence) => Math.max(most, left(sequence)),
        1,
      ),
    );
    const batch = [...this.#running];
    const rows = batch.map((sequence) => ({
      ...sequence.request,
      token: sequence.tokens.at(-1) ?? sequence.request.tokens.at(-1)!,
      position: sequence.request.tokens.length + sequence.tokens.length - 1,
      page: sequence.page,
      lastPosition: sequence.lastPosition,
    }));
    const decoded = await this.decoder.decode(rows, steps);
    return [
      ...ended,
      ...batch.map((sequence, i) => this.#collect(sequence, decoded[i]!)),
    ];
  }

  /** Gives up everything, as after a failure of the GPU; returns the requests that were under way. */
  drop(): readonly number[] {
    const ids = [
      ...this.#running.map(({ request }) => request.id),
      ...this.#waiting.map(({ id }) => id),
    ];
    for (const sequence of [...this.#running]) this.#end(sequence);
    this.#waiting.length = 0;
    this.clear();
    return ids;
  }

  #collect(
    sequence: Running,
    { tokens, logprobs, done }: DecodedRow,
  ): Progress {
    const { id, stopTokens } = sequence.request;
    for (const token of tokens) sequence.tokens.push(token);
    if (!done) return { id, tokens, logprobs };
    this.#end(sequence);
    const finishReason = stopTokens.includes(sequence.tokens.at(-1)!)
      ? "stop"
      : "length";
    return { id, tokens, logprobs, finishReason };
  }

  /** Ends what was cancelled. */
  #sweep(): Progress[] {
    if (this.#cancelled.size === 0) return [];
    const ended: Progress[] = [];
    for (const sequence of [...this.#running]) {
      if (!this.#cancelled.has(sequence.request.id)) continue;
      this.#end(sequence);
      ended.push(aborted(sequence.request.id));
    }
    for (let i = this.#waiting.length - 1; i >= 0; i--) {
      const { id } = this.#waiting[i]!;
      if (!this.#cancelled.has(id)) continue;
      this.#waiting.splice(i, 1);
      ended.push(aborted(id));
    }
    this.#cancelled.clear();
    return ended;
  }

  #end(sequence: Running): void {
    this.#running.splice(this.#running.indexOf(sequence), 1);
    this.#pages.push(sequence.page);
    // The last sampled token was never fed back: its key and value do not exist.
    const computed = [...sequence.request.tokens, ...sequence.tokens].slice(
      0,
      -1,
    );
    this.#cache.release(sequence.lease, computed);
  }

  #admit(): void {
    const { maxContext, cacheTokens } = this.decoder.size;
    const fresh: PrefillRow[] = [];
    while (this.#waiting.length > 0 && this.#pages.length > 0) {
      const request = this.#waiting[0]!;
      const P = request.tokens.length;
      const room = Math.min(
        request.maxTokens,
        maxContext - P,
        cacheTokens - P + 1,
      );
      const lease = this.#cache.lease(request.tokens, room);
      if (!lease) break;
      this.#waiting.shift();
      const page = this.#pages.pop()!;
      this.decoder.setPage(page, lease.slots);
      for (let position = lease.cached; position < P - 1; position++) {
        fresh.push({ token: request.tokens[position]!, position, page });
      }
      this.#running.push({
        request,
        lease,
        page,
        tokens: [],
        lastPosition: P - 1 + room,
      });
    }
    if (fresh.length > 0) this.decoder.prefill(fresh);
  }
}

function aborted(id: number): Progress {
  return { id, tokens: [], logprobs: [], finishReason: "abort" };
}
