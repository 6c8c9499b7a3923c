import { RequestError } from "../errors.ts";
import {
  type DecodedRow,
  type Decoder,
  MAX_STOP_TOKENS,
  type PrefillRow,
} from "./decoder.ts";
import { KvCache, type Lease } from "./kv_cache.ts";
import { type AdapterName, DEFAULT_ADAPTER } from "./parameter_sets.ts";

/** A generation to schedule; the engine's request without its callbacks. */
export interface ScheduledRequest {
  readonly id: number;
  /** Whose weights sample it; null for the reference. @default DEFAULT_ADAPTER */
  readonly adapter?: AdapterName;
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
 *
 * The rows of a submission are one adapter's; adapters take turns, the one first whose last turn is longest ago.
 */
export class Scheduler {
  readonly #cache: KvCache;
  readonly #waiting: ScheduledRequest[] = [];
  readonly #running: Running[] = [];
  readonly #pages: number[] = [];
  readonly #cancelled = new Set<number>();
  /** Adapters that had a turn, the latest last. */
  readonly #turns = new Set<AdapterName>();
  readonly #bind: (adapter: AdapterName) => void;

  /** @param bind Has the decoder read an adapter's weights from now on; needed where there are several. */
  constructor(
    readonly decoder: Decoder,
    bind: (adapter: AdapterName) => void = () => {},
  ) {
    this.#bind = bind;
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
   * @throws {RequestError} If it can never be served.
   */
  add(request: ScheduledRequest): void {
    const { maxContext, cacheTokens } = this.decoder.size;
    const { tokens, temperature, maxTokens, stopTokens } = request;
    if (tokens.length === 0) throw new RequestError("The prompt has no tokens");
    const { vocabSize } = this.decoder;
    const stranger = tokens.find((token) =>
      !Number.isInteger(token) || token < 0 || token >= vocabSize
    );
    if (stranger !== undefined) {
      throw new RequestError(
        `Token id ${stranger} is outside the model's vocabulary of ${vocabSize}`,
      );
    }
    if (!(temperature >= 0 && temperature < Infinity)) {
      throw new RequestError(
        `The temperature is ${temperature}; it must be a number from 0 up`,
      );
    }
    if (!(maxTokens >= 1)) {
      throw new RequestError(
        `maxTokens is ${maxTokens}; at least 1 token must be asked for`,
      );
    }
    if (tokens.length >= maxContext) {
      throw new RequestError(
        `The prompt has ${tokens.length} tokens, but the context ends at ${maxContext}`,
      );
    }
    if (tokens.length >= cacheTokens) {
      throw new RequestError(
        `The prompt has ${tokens.length} tokens, but the cache holds ${cacheTokens}`,
      );
    }
    if (stopTokens.length > MAX_STOP_TOKENS) {
      throw new RequestError(
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

  /** Whether requests for an adapter are running or waiting. */
  uses(adapter: AdapterName): boolean {
    return this.#running.some(({ request }) =>
      adapterOf(request) === adapter
    ) ||
      this.#waiting.some((request) => adapterOf(request) === adapter);
  }

  /**
   * Forgets an adapter, of which nothing may be running.
   *
   * @returns The requests that waited for it; they are given up.
   */
  forget(adapter: AdapterName): readonly number[] {
    const waited = this.#waiting.filter((request) =>
      adapterOf(request) === adapter
    );
    for (const request of waited) {
      this.#waiting.splice(this.#waiting.indexOf(request), 1);
    }
    this.#cache.forget(adapter);
    this.#turns.delete(adapter);
    return waited.map(({ id }) => id);
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
    const adapter = this.#nextAdapter();
    this.#bind(adapter);
    const batch = this.#running.filter(({ request }) =>
      adapterOf(request) === adapter
    );
    const left = ({ lastPosition, request, tokens }: Running) =>
      lastPosition - (request.tokens.length + tokens.length - 1);
    const steps = Math.min(
      this.decoder.size.stepsPerSubmission,
      batch.reduce(
        (most, sequence) => Math.max(most, left(sequence)),
        1,
      ),
    );
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

  /** The adapter whose turn it is, of those with running sequences. */
  #nextAdapter(): AdapterName {
    const running = new Set(
      this.#running.map(({ request }) => adapterOf(request)),
    );
    const [next] = [
      ...[...running].filter((adapter) => !this.#turns.has(adapter)),
      ...[...this.#turns].filter((adapter) => running.has(adapter)),
    ];
    this.#turns.delete(next!);
    this.#turns.add(next!);
    return next!;
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
    const fresh = new Map<AdapterName, PrefillRow[]>();
    while (this.#waiting.length > 0 && this.#pages.length > 0) {
      const request = this.#waiting[0]!;
      const P = request.tokens.length;
      const room = Math.min(
        request.maxTokens,
        maxContext - P,
        cacheTokens - P + 1,
      );
      const adapter = adapterOf(request);
      const lease = this.#cache.lease(request.tokens, room, { adapter });
      if (!lease) break;
      this.#waiting.shift();
      const page = this.#pages.pop()!;
      this.decoder.setPage(page, lease.slots);
      const rows = fresh.get(adapter) ?? [];
      for (let position = lease.cached; position < P - 1; position++) {
        rows.push({ token: request.tokens[position]!, position, page });
      }
      if (rows.length > 0) fresh.set(adapter, rows);
      this.#running.push({
        request,
        lease,
        page,
        tokens: [],
        lastPosition: P - 1 + room,
      });
    }
    for (const [adapter, rows] of fresh) {
      this.#bind(adapter);
      this.decoder.prefill(rows);
    }
  }
}

function adapterOf(
  { adapter = DEFAULT_ADAPTER }: ScheduledRequest,
): AdapterName {
  return adapter;
}

function aborted(id: number): Progress {
  return { id, tokens: [], logprobs: [], finishReason: "abort" };
}
