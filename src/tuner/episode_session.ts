import type { Engine, Sampling } from "../engine/mod.ts";
import { TokenTree } from "../tracker/mod.ts";
import { CallIdentities } from "./_call_identities.ts";
import { type ChatReply, sampleChoice } from "./_chat_call.ts";
import { cutOffCause } from "./_cut_off_cause.ts";
import { forcedCall } from "./_forced_call.ts";
import type { PromptRenderer } from "./_prompt_renderer.ts";
import { SampleMemory } from "./_sample_memory.ts";
import { invalidKey } from "./_keys.ts";
import { ApiError } from "./api_error.ts";
import type {
  ChatChoice,
  ChatCompletion,
  ChatPiece,
} from "./chat_completion.ts";
import type { ChatModel } from "./chat_model.ts";
import type { ChatRequest } from "./chat_request.ts";

/** How an episode's calls are sampled and recorded. */
export interface OpenEpisodeOptions {
  /** The seed that the seeds of all calls derive from, where a request brings none of its own. */
  readonly seed: number;
  /** Sampling where a request says nothing. @default {temperature: 1, topP: 1, …}: the policy */
  readonly sampling?: Partial<Omit<Sampling, "seed">>;
  /** Sampling whatever a request says, such as temperature 0 in an evaluation. @default {} */
  readonly force?: Partial<Sampling>;
  /** Aborts the episode. */
  readonly signal?: AbortSignal;
  /** Where calls are recorded. @default a new tree */
  readonly tree?: TokenTree;
}

/** What a session works with; set by its gateway. */
export interface SessionParts {
  readonly id: string;
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Model name that agents send. */
  readonly modelName: string;
  readonly engine: Engine;
  readonly model: ChatModel;
  readonly renderer: PromptRenderer;
  /** False where calls are neither recorded nor remembered. */
  readonly recording: boolean;
  readonly now: () => number;
  /** Called once, when the session ends. */
  readonly onEnd: () => void;
}

/** How one request of a session is served. */
export interface ChatOptions {
  readonly agent: string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Called with each piece of each reply as it is sampled. */
  readonly onPiece?: (piece: ChatPiece) => void;
}

/** One episode at the gateway: its address and key, its calls, its end. */
export class EpisodeSession {
  readonly id: string;
  /** Ends in `/v1`; what agents use as base URL. */
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Model name that agents send; `NAME:AGENT` tells agents apart. */
  readonly model: string;
  /** Every call that was sampled; complete once the promise of `close` or `abort` has resolved. */
  readonly tree: TokenTree;
  readonly #parts: SessionParts;
  readonly #options: OpenEpisodeOptions;
  readonly #memory: SampleMemory | undefined;
  readonly #identities: CallIdentities;
  readonly #running = new Map<Promise<unknown>, AbortController>();
  readonly #onSignal: () => void;
  #lastActivity: number;
  #calls = 0;
  #ended = false;

  /** Use `Gateway.openEpisode`. */
  constructor(parts: SessionParts, options: OpenEpisodeOptions) {
    this.id = parts.id;
    this.baseUrl = parts.baseUrl;
    this.apiKey = parts.apiKey;
    this.model = parts.modelName;
    this.tree = options.tree ?? new TokenTree();
    this.#parts = parts;
    this.#options = options;
    this.#memory = parts.recording ? new SampleMemory() : undefined;
    this.#identities = new CallIdentities(options.seed);
    this.#lastActivity = parts.now();
    const { signal } = options;
    this.#onSignal = () => void (signal && this.abort(cutOffCause(signal)));
    signal?.addEventListener("abort", this.#onSignal, { once: true });
  }

  /** Calls recorded so far. */
  get calls(): number {
    return this.#calls;
  }

  /** When a request last came in or was answered, in milliseconds of the gateway's clock. */
  get lastActivity(): number {
    return this.#lastActivity;
  }

  /** Requests being served. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** Ends the episode: its key dies, and what is still being sampled is cancelled. */
  close(): Promise<void> {
    return this.#end("the episode has ended");
  }

  /** Ends the episode for a reason, which is recorded with the calls that it cuts off. */
  abort(reason: string): Promise<void> {
    return this.#end(reason);
  }

  /**
   * Answers a chat completion request and records its calls.
   *
   * @throws {ApiError} If the request cannot be served; what it sampled until then is recorded.
   */
  async chat(
    request: ChatRequest,
    options: ChatOptions,
  ): Promise<ChatCompletion> {
    if (this.#ended) throw invalidKey();
    const { signal } = options;
    const cancel = new AbortController();
    const onGone = () => cancel.abort("the client closed the connection");
    if (signal.aborted) onGone();
    signal.addEventListener("abort", onGone, { once: true });
    const answer = this.#answer(request, options, cancel);
    this.#running.set(answer, cancel);
    this.#lastActivity = this.#parts.now();
    try {
      return await answer;
    } finally {
      signal.removeEventListener("abort", onGone);
      this.#running.delete(answer);
      this.#lastActivity = this.#parts.now();
    }
  }

  async #answer(
    request: ChatRequest,
    { agent, onPiece }: ChatOptions,
    cancel: AbortController,
  ): Promise<ChatCompletion> {
    const { engine, model, renderer } = this.#parts;
    checkTools(request, model);
    const prompt = renderer.render({
      messages: request.messages,
      tools: request.tools,
      forced: forcedCall(request.toolChoice, model.toolFormat),
      agent,
      memory: this.#memory,
    });
    const promptTokens = prompt.tokens.length;
    const id = `chatcmpl-${this.#nextId(agent, prompt.key)}`;
    const call = {
      engine,
      model,
      request,
      prompt,
      id,
      agent,
      room: roomAfter(promptTokens, engine.info.maxContext),
      defaults: this.#options.sampling ?? {},
      force: this.#options.force ?? {},
      signal: cancel.signal,
      onPiece,
    };
    const choices = await allOrNone(request.n, {
      run: async (index) =>
        this.#record(await sampleChoice(call, index), cancel.signal),
      cancel: () => cancel.abort("another reply to the same request failed"),
    });
    return { id, choices, promptTokens };
  }

  #record(reply: ChatReply, signal: AbortSignal): ChatChoice {
    const { call, choice, sample } = reply;
    if (this.#parts.recording) {
      this.tree.record(call);
      this.#calls++;
    }
    if (choice === undefined) throw cutOff(signal);
    if (sample !== undefined) this.#memory?.add(sample);
    return choice;
  }

  #nextId(agent: string, prompt: string): string {
    return this.#parts.recording
      ? this.#identities.next(agent, prompt)
      : crypto.randomUUID().replaceAll("-", "");
  }

  async #end(reason: string): Promise<void> {
    if (!this.#ended) {
      this.#ended = true;
      this.#options.signal?.removeEventListener("abort", this.#onSignal);
      this.#parts.onEnd();
    }
    for (const cancel of this.#running.values()) cancel.abort(reason);
    await Promise.allSettled(this.#running.keys());
  }
}

/** Runs `n` jobs at once; if one fails, the others are cancelled, and awaited all the same. */
async function allOrNone<T>(
  n: number,
  jobs: {
    readonly run: (index: number) => Promise<T>;
    readonly cancel: () => void;
  },
): Promise<T[]> {
  const failures: unknown[] = [];
  const running = Array.from(
    { length: n },
    (_, index) =>
      jobs.run(index).catch((error: unknown) => {
        if (failures.push(error) === 1) jobs.cancel();
        throw error;
      }),
  );
  await Promise.allSettled(running);
  if (failures.length > 0) throw failures[0];
  return Promise.all(running);
}

function checkTools(request: ChatRequest, model: ChatModel): void {
  if (request.tools.length === 0 || model.toolFormat !== undefined) return;
  throw new ApiError(
    400,
    "This model's chat template has no tool calls in a format known here: leave out tools, or serve another model",
    { param: "tools" },
  );
}

function roomAfter(promptTokens: number, maxContext: number): number {
  if (promptTokens < maxContext) return maxContext - promptTokens;
  throw new ApiError(
    400,
    `The prompt has ${promptTokens} tokens, and the model's context holds ${maxContext} with the reply: shorten the messages`,
    { param: "messages", code: "context_length_exceeded" },
  );
}

function cutOff(signal: AbortSignal): ApiError {
  return new ApiError(
    503,
    `The generation was cut off: ${cutOffCause(signal)}`,
  );
}
