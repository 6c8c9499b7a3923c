import type { Tokenizer } from "../model/mod.ts";
import type {
  ChatChoice,
  ChatCompletion,
  ChatPiece,
} from "./chat_completion.ts";
import type { ChatRequest } from "./chat_request.ts";

/** What an answer is written with, beside the completion. */
export interface ChatResponseOptions {
  readonly request: ChatRequest;
  readonly tokenizer: Tokenizer;
  /** Seconds since 1970. */
  readonly created: number;
}

/** An object that is sent as JSON. */
export type JsonBody = Readonly<Record<string, unknown>>;

/** A chat completion in OpenAI's form. */
export function chatCompletionJson(
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
      message: messageJson(choice),
      logprobs: logprobsJson(choice, options),
      finish_reason: choice.finishReason,
    })),
    usage: usageJson(completion),
  };
}

/** The chunks of a streamed chat completion, in OpenAI's form. */
export class ChatChunks {
  readonly #options: ChatResponseOptions;
  /** How many tool calls each reply that has begun has had. */
  readonly #toolCalls = new Map<number, number>();

  constructor(options: ChatResponseOptions) {
    this.#options = options;
  }

  /** Chunks that carry a piece: none, where it has nothing that the request asked for. */
  piece(piece: ChatPiece): JsonBody[] {
    const { id, index, content, toolCalls } = piece;
    const logprobs = logprobsJson(piece, this.#options);
    const isEmpty = content === "" && toolCalls.length === 0;
    if (isEmpty && !logprobs?.content.length) return [];
    const first = this.#toolCalls.get(index) ?? 0;
    const delta = {
      ...(content !== "" && { content }),
      ...(toolCalls.length > 0 && {
        tool_calls: toolCalls.map((call, at) => ({
          index: first + at,
          ...call,
        })),
      }),
    };
    const chunks = [
      ...this.#opening(id, index),
      this.#chunk(id, [{ index, delta, logprobs, finish_reason: null }]),
    ];
    this.#toolCalls.set(index, first + toolCalls.length);
    return chunks;
  }

  /** The last chunks: why each reply ended, and the usage where it is asked for. */
  end(completion: ChatCompletion): JsonBody[] {
    const { id, choices } = completion;
    const endings = choices.flatMap(({ index, finishReason }) => [
      ...this.#opening(id, index),
      this.#chunk(id, [
        { index, delta: {}, logprobs: null, finish_reason: finishReason },
      ]),
    ]);
    if (!this.#options.request.includeUsage) return endings;
    const usage = usageJson(completion);
    return [...endings, { ...this.#chunk(id, []), usage }];
  }

  /** The chunk that opens a reply, if it has not been sent. */
  #opening(id: string, index: number): JsonBody[] {
    if (this.#toolCalls.has(index)) return [];
    this.#toolCalls.set(index, 0);
    const delta = { role: "assistant", content: "" };
    return [
      this.#chunk(id, [{ index, delta, logprobs: null, finish_reason: null }]),
    ];
  }

  #chunk(id: string, choices: readonly JsonBody[]): JsonBody {
    const { created, request } = this.#options;
    return {
      id,
      object: "chat.completion.chunk",
      created,
      model: request.model,
      choices,
      ...(request.includeUsage && { usage: null }),
    };
  }
}

function messageJson({ content, toolCalls }: ChatChoice): JsonBody {
  const role = "assistant";
  return toolCalls.length === 0
    ? { role, content, refusal: null }
    : { role, content: content || null, refusal: null, tool_calls: toolCalls };
}

function logprobsJson(
  sampled: Pick<ChatChoice, "tokens" | "logprobs">,
  { request, tokenizer }: ChatResponseOptions,
): { readonly content: readonly JsonBody[] } | null {
  if (!request.logprobs) return null;
  return {
    content: sampled.tokens.map((id, at) => ({
      token: tokenizer.decode([id]),
      logprob: sampled.logprobs[at] ?? null,
      bytes: Array.from(tokenizer.tokenBytes(id)),
      top_logprobs: [],
    })),
  };
}

function usageJson({ promptTokens, choices }: ChatCompletion): JsonBody {
  const completionTokens = choices.reduce(
    (sum, { tokens }) => sum + tokens.length,
    0,
  );
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  };
}
