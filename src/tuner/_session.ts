import { type Engine, withAdapter } from "../engine/mod.ts";
import type { ChatMessage } from "../model/mod.ts";
import { place } from "../telemetry/mod.ts";
import { TokenTree } from "../tracker/mod.ts";
import { CallIdentities } from "./_call_identities.ts";
import {
  type ChatCallOptions,
  type ChatReply,
  sampleChoice,
} from "./_chat_call.ts";
import { cutOffCause } from "./_cut_off_cause.ts";
import { forcedCall } from "./_forced_call.ts";
import { forwardChat } from "./_forward_chat.ts";
import type { Prompt, PromptRenderer } from "./_prompt_renderer.ts";
import { SampleMemory } from "./_sample_memory.ts";
import { invalidKey } from "./_keys.ts";
import { tracedChat } from "./_traced_chat.ts";
import { usageOf } from "./_usage.ts";
import type { AdapterHost } from "./adapter_host.ts";
import { ApiError } from "./api_error.ts";
import type { ChatChoice, ChatCompletion } from "./chat_completion.ts";
import type { ChatEndpoint } from "./chat_endpoint.ts";
import type { ChatModel } from "./chat_model.ts";
import type { ChatRequest } from "./chat_request.ts";
import { MessageTree } from "./message_tree.ts";
import type {
  ChatOptions,
  EpisodeSession,
  OpenEpisodeOptions,
} from "./episode_session.ts";
import type { SessionRequest } from "./session_request.ts";

/** What replies come from: token ids of an engine, or an endpoint's messages. */
export type Backend =
  | {
    readonly kind: "engine";
    readonly engine: Engine;
    readonly model: ChatModel;
    readonly renderer: PromptRenderer;
    /** What requests may name in place of the model; undefined where that is all there is. */
    readonly adapters: AdapterHost | undefined;
    /** Agents with an adapter of their name. */
    readonly adapted: readonly string[];
  }
  | { readonly kind: "endpoint"; readonly endpoint: ChatEndpoint };

type EngineBackend = Extract<Backend, { readonly kind: "engine" }>;

/** What a session works with; set by its gateway. */
export interface SessionParts {
  readonly id: string;
  readonly baseUrl: string;
  readonly apiKey: string;
  /** Model name that agents send. */
  readonly modelName: string;
  readonly backend: Backend;
  /** False where calls are neither recorded nor remembered. */
  readonly recording: boolean;
  readonly now: () => number;
  /** Called once, when the session ends. */
  readonly onEnd: () => void;
}

/** A session as the gateway keeps it. */
export class Session implements EpisodeSession {
  readonly id: string;
  readonly baseUrl: string;
  readonly apiKey: string;
  readonly model: string;
  readonly tree: TokenTree;
  readonly messages = new MessageTree();
  readonly requests: SessionRequest[] = [];
  /** Where its calls belong among the spans of the run. */
  readonly #place = place();
  readonly #parts: SessionParts;
  readonly #options: OpenEpisodeOptions;
  readonly #memory: SampleMemory | undefined;
  readonly #identities: CallIdentities;
  readonly #running = new Map<Promise<unknown>, AbortController>();
  readonly #onSignal: () => void;
  #lastActivity: number;
  #calls = 0;
  #ended = false;

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

  get calls(): number {
    return this.#calls;
  }

  get lastActivity(): number {
    return this.#lastActivity;
  }

  get inFlight(): number {
    return this.#running.size;
  }

  close(): Promise<void> {
    return this.#end("the episode has ended");
  }

  abort(reason: string): Promise<void> {
    return this.#end(reason);
  }

  chat(request: ChatRequest, options: ChatOptions): Promise<ChatCompletion> {
    const { agent } = options;
    const about = { session: this.id, agent, within: this.#place };
    return tracedChat(request, about, () => this.#chat(request, options));
  }

  countTokens(
    request: ChatRequest,
    { agent }: Pick<ChatOptions, "agent">,
  ): number {
    if (this.#ended) throw invalidKey();
    const { backend } = this.#parts;
    if (backend.kind === "engine") {
      return this.#render(request, agent, backend).tokens.length;
    }
    throw new ApiError(
      404,
      "Tokens cannot be counted here: the endpoint that replies tells them only with its replies",
    );
  }

  async #chat(
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
    const began = this.#lastActivity = this.#parts.now();
    try {
      const completion = await answer;
      this.#note(options.agent, began, noteOf(completion));
      return completion;
    } catch (error) {
      this.#note(options.agent, began, { error: (error as Error).message });
      throw error;
    } finally {
      signal.removeEventListener("abort", onGone);
      this.#running.delete(answer);
      this.#lastActivity = this.#parts.now();
    }
  }

  #note(
    agent: string,
    began: number,
    what: Omit<SessionRequest, "agent" | "began" | "ended">,
  ): void {
    const { recording, now } = this.#parts;
    if (recording) this.requests.push({ agent, began, ended: now(), ...what });
  }

  #answer(
    request: ChatRequest,
    options: ChatOptions,
    cancel: AbortController,
  ): Promise<ChatCompletion> {
    const { backend } = this.#parts;
    return backend.kind === "engine"
      ? this.#sample(request, options, { ...backend, cancel })
      : this.#forward(request, options, { ...backend, cancel });
  }

  async #forward(
    request: ChatRequest,
    { agent, onPiece }: ChatOptions,
    { endpoint, cancel: { signal } }: {
      readonly endpoint: ChatEndpoint;
      readonly cancel: AbortController;
    },
  ): Promise<ChatCompletion> {
    const { messages } = request;
    const id = `chatcmpl-${this.#nextId(agent, JSON.stringify(messages))}`;
    const { sampling: defaults = {}, force = {} } = this.#options;
    const forwarded = await forwardChat(endpoint, {
      request,
      id,
      agent,
      defaults,
      force,
      signal,
      onPiece,
    }).catch((error) => {
      throw signal.aborted ? cutOff(signal) : error;
    });
    const { completion, calls } = forwarded;
    for (const [at, choice] of completion.choices.entries()) {
      this.#record({ call: calls[at]!, choice }, { request, signal });
    }
    return completion;
  }

  async #sample(
    request: ChatRequest,
    { agent, adapter, onPiece }: ChatOptions,
    { model, renderer, cancel, ...backend }: EngineBackend & {
      readonly cancel: AbortController;
    },
  ): Promise<ChatCompletion> {
    const prompt = this.#render(request, agent, { model, renderer });
    const own = backend.adapted.includes(agent) ? agent : undefined;
    const engine = own === undefined
      ? engineOf(adapter, backend)
      : withAdapter(backend.engine, own);
    const promptTokens = prompt.tokens.length;
    const id = `chatcmpl-${this.#nextId(agent, prompt.key)}`;
    const call = {
      engine,
      model,
      request,
      prompt,
      id,
      affinity: this.id,
      agent,
      adapter: own,
      room: roomAfter(promptTokens, engine.info.maxContext),
      defaults: this.#options.sampling ?? {},
      force: this.#options.force ?? {},
      signal: cancel.signal,
      onPiece,
    };
    const choices = await allOrNone(request.n, {
      run: async (index) => this.#record(await sampleChoice(call, index), call),
      cancel: () => cancel.abort("another reply to the same request failed"),
    });
    return { id, choices, promptTokens, prompt: prompt.tokens };
  }

  #render(
    { messages, tools, toolChoice }: ChatRequest,
    agent: string,
    { model, renderer }: Pick<EngineBackend, "model" | "renderer">,
  ): Prompt {
    checkTools(tools, model);
    return renderer.render({
      messages,
      tools,
      forced: forcedCall(toolChoice, model.toolFormat),
      agent,
      memory: this.#memory,
    });
  }

  #record(
    reply: ChatReply,
    { request, signal }: Pick<ChatCallOptions, "request" | "signal">,
  ): ChatChoice {
    const { call, choice, sample } = reply;
    if (this.#parts.recording) {
      this.tree.record(call);
      this.#calls++;
    }
    if (choice === undefined) throw cutOff(signal);
    if (this.#parts.recording) {
      const { messages } = request;
      this.messages.record(call.id, { messages, reply: messageOf(choice) });
    }
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

function noteOf(
  completion: ChatCompletion,
): Omit<SessionRequest, "agent" | "began" | "ended"> {
  const { prompt, sampled } = usageOf(completion);
  return { id: completion.id, promptTokens: prompt, sampledTokens: sampled };
}

function messageOf({ content, toolCalls }: ChatChoice): ChatMessage {
  return {
    role: "assistant",
    content,
    ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
  };
}

/** @throws {ApiError} 404 if the adapter has been unloaded by now. */
function engineOf(
  adapter: string | undefined,
  { engine, adapters }: Pick<EngineBackend, "engine" | "adapters">,
): Engine {
  if (adapter === undefined) return engine;
  const adapted = adapters?.engineOf(adapter);
  if (adapted !== undefined) return adapted;
  throw new ApiError(404, `The adapter ${JSON.stringify(adapter)} is gone`, {
    param: "model",
    code: "model_not_found",
  });
}

function checkTools(tools: readonly unknown[], model: ChatModel): void {
  if (tools.length === 0 || model.toolFormat !== undefined) return;
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
