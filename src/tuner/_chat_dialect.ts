import type {
  Asked,
  Dialect,
  DialectContext,
  EventWriter,
  JsonBody,
  ServerEvent,
} from "./_dialect.ts";
import type { ApiError } from "./api_error.ts";
import type {
  ChatChoice,
  ChatCompletion,
  ChatPiece,
} from "./chat_completion.ts";
import { type ChatRequest, parseChatRequest } from "./chat_request.ts";
import {
  type ReasonedReply,
  ReasoningStream,
  splitReasoning,
} from "../model/mod.ts";
import { logprobsOf } from "./_logprobs.ts";
import { usageOf } from "./_usage.ts";

/** OpenAI's chat completions. */
export const chatDialect: Dialect = {
  read(body: unknown, context: DialectContext): Asked {
    const request = parseChatRequest(body);
    const options = { request, ...context };
    return {
      chat: request,
      answer: (completion) => chatCompletionJson(completion, options),
      stream: () => new ChatChunks(options),
    };
  },
  error: (error: ApiError): JsonBody => error.toJSON(),
};

interface ChatResponseOptions extends DialectContext {
  readonly request: ChatRequest;
}

function chatCompletionJson(
  completion: ChatCompletion,
  options: ChatResponseOptions,
): JsonBody {
  return {
    id: completion.id,
    object: "chat.completion",
    created: options.created,
    model: options.request.model,
    choices: completion.choices.map((choice) => ({
      index: choice.index,
      message: messageJson(choice, options.request),
      logprobs: logprobsJson(choice, options),
      finish_reason: choice.finishReason,
      ...tokenIdsJson(choice, options),
    })),
    ...promptIdsJson(completion, options),
    usage: usageJson(completion),
  };
}

/** The chunks of a streamed chat completion. */
class ChatChunks implements EventWriter {
  readonly last = "[DONE]";
  readonly #options: ChatResponseOptions;
  /** How many tool calls each reply that has begun has had. */
  readonly #toolCalls = new Map<number, number>();
  readonly #reasoning = new Map<number, ReasoningStream>();
  #envelope: string | undefined;

  constructor(options: ChatResponseOptions) {
    this.#options = options;
  }

  piece(piece: ChatPiece): ServerEvent[] {
    const { index, toolCalls } = piece;
    const { content, reasoning } = this.#split(piece);
    const logprobs = logprobsJson(piece, this.#options);
    const ids = tokenIdsJson(piece, this.#options);
    const isEmpty = content + reasoning === "" && toolCalls.length === 0;
    if (isEmpty && !logprobs?.content.length && !ids.token_ids?.length) {
      return [];
    }
    const first = this.#toolCalls.get(index) ?? 0;
    const delta = {
      ...(reasoning !== "" && { reasoning_content: reasoning }),
      ...(content !== "" && { content }),
      ...(toolCalls.length > 0 && {
        tool_calls: toolCalls.map((call, at) => ({
          index: first + at,
          ...call,
        })),
      }),
    };
    const chunks = [
      ...this.#opening(piece, index),
      this.#chunk(piece.id, [
        { index, delta, logprobs, finish_reason: null, ...ids },
      ]),
    ];
    this.#toolCalls.set(index, first + toolCalls.length);
    return chunks;
  }

  /** Why each reply ended, and the usage where it is asked for. */
  end(completion: ChatCompletion): ServerEvent[] {
    const { id, choices } = completion;
    const endings = choices.flatMap(({ index, finishReason }) => [
      ...this.#opening(completion, index),
      ...this.#rest(id, index),
      this.#chunk(id, [
        { index, delta: {}, logprobs: null, finish_reason: finishReason },
      ]),
    ]);
    if (!this.#options.request.includeUsage) return endings;
    return [...endings, this.#chunk(id, [], { usage: usageJson(completion) })];
  }

  error(error: ApiError): ServerEvent {
    return { json: JSON.stringify(chatDialect.error(error)) };
  }

  /** What was held back of a reply that ended where it might have gone on otherwise. */
  #rest(id: string, index: number): ServerEvent[] {
    const { reasoning, content } = this.#reasoning.get(index)?.end() ??
      { reasoning: "", content: "" };
    if (reasoning + content === "") return [];
    const delta = reasoning === ""
      ? { content }
      : { reasoning_content: reasoning };
    return [
      this.#chunk(id, [{ index, delta, logprobs: null, finish_reason: null }]),
    ];
  }

  /** What a piece says, and what it only thinks, where the request wants that apart. */
  #split(piece: ChatPiece): ReasonedReply {
    const { index, content, reasoning = false } = piece;
    if (!this.#options.request.separateReasoning) {
      return { reasoning: "", content };
    }
    let stream = this.#reasoning.get(index);
    if (stream === undefined) {
      this.#reasoning.set(index, stream = new ReasoningStream(reasoning));
    }
    return stream.push(content);
  }

  /** The chunk that opens a reply, if it has not been sent. */
  #opening(
    asked: Pick<ChatCompletion, "id" | "prompt">,
    index: number,
  ): ServerEvent[] {
    if (this.#toolCalls.has(index)) return [];
    const isFirst = this.#toolCalls.size === 0;
    this.#toolCalls.set(index, 0);
    const delta = { role: "assistant", content: "" };
    const choice = { index, delta, logprobs: null, finish_reason: null };
    const ids = isFirst ? promptIdsJson(asked, this.#options) : {};
    return [this.#chunk(asked.id, [choice], ids)];
  }

  #chunk(
    id: string,
    choices: readonly JsonBody[],
    more: JsonBody = {},
  ): ServerEvent {
    this.#envelope ??= this.#openEnvelope(id);
    const { includeUsage } = this.#options.request;
    const rest = includeUsage ? { usage: null, ...more } : more;
    const end = JSON.stringify(rest).slice(1);
    const json = this.#envelope + JSON.stringify(choices) +
      (end === "}" ? end : `,${end}`);
    return { json };
  }

  /** What all chunks begin with, as JSON. */
  #openEnvelope(id: string): string {
    const { created, request: { model } } = this.#options;
    const object = "chat.completion.chunk";
    const envelope = JSON.stringify({ id, object, created, model });
    return `${envelope.slice(0, -1)},"choices":`;
  }
}

function messageJson(choice: ChatChoice, request: ChatRequest): JsonBody {
  const { toolCalls } = choice;
  const { reasoning, content } = request.separateReasoning
    ? splitReasoning(choice.content, choice.reasoning ?? false)
    : { reasoning: "", content: choice.content };
  return {
    role: "assistant",
    ...(reasoning !== "" && { reasoning_content: reasoning }),
    content: toolCalls.length === 0 ? content : content || null,
    refusal: null,
    ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
  };
}

function logprobsJson(
  sampled: Pick<ChatChoice, "tokens" | "logprobs">,
  { request, tokenizer }: ChatResponseOptions,
): { readonly content: readonly JsonBody[] } | null {
  if (!request.logprobs) return null;
  return { content: logprobsOf(sampled, tokenizer) };
}

/** The sampled ids, for those who ask for them as vLLM's clients do. */
function tokenIdsJson(
  { tokens }: Pick<ChatChoice, "tokens">,
  { request }: ChatResponseOptions,
): { readonly token_ids?: readonly number[] } {
  return request.returnTokenIds ? { token_ids: tokens } : {};
}

function promptIdsJson(
  { prompt }: Pick<ChatCompletion, "prompt">,
  { request }: ChatResponseOptions,
): JsonBody {
  return request.returnTokenIds ? { prompt_token_ids: prompt ?? null } : {};
}

function usageJson(completion: ChatCompletion): JsonBody {
  const { prompt, sampled } = usageOf(completion);
  return {
    prompt_tokens: prompt,
    completion_tokens: sampled,
    total_tokens: prompt + sampled,
  };
}
