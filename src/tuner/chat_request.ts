import type { Sampling } from "../engine/mod.ts";
import { type ChatMessage, joinReasoning } from "../model/mod.ts";
import {
  type ChatBody,
  type ChatBodyMessage,
  chatSchema,
} from "./_chat_schema.ts";
import { parseBody } from "./_parse_body.ts";
import { refusedField } from "./_refused_fields.ts";
import { ApiError } from "./api_error.ts";

/** Which tool calls the model may, or must, make; with a `name`, that tool and no other. */
export type ToolChoice =
  | { readonly kind: "auto" }
  | { readonly kind: "none" }
  | { readonly kind: "required"; readonly name?: string };

/** A chat completion request, checked and put into one form. */
export interface ChatRequest {
  /** As sent: the model's name, perhaps with an agent's behind a colon. */
  readonly model: string;
  /** Content is text; `developer` messages are `system` ones. */
  readonly messages: readonly ChatMessage[];
  /** In OpenAI's form, untouched: the chat template renders them. */
  readonly tools: readonly unknown[];
  /** Which of the tools may, or must, be called. */
  readonly toolChoice: ToolChoice;
  /** Whether one reply may hold several tool calls. */
  readonly parallelToolCalls: boolean;
  /** Whether the answer is sent as it is sampled. */
  readonly stream: boolean;
  /** Whether a streamed answer ends with its usage. */
  readonly includeUsage: boolean;
  /** Number of replies to sample. */
  readonly n: number;
  /** Texts that end a reply. */
  readonly stop: readonly string[];
  /** Whether the logprobs of the sampled tokens are sent. */
  readonly logprobs: boolean;
  /** Whether what the model thought first is sent apart from what it says. @default false */
  readonly separateReasoning?: boolean;
  /** Whether the ids of prompt and reply are sent, as vLLM sends them. @default false */
  readonly returnTokenIds?: boolean;
  /** What the agent says of sampling, and nothing else. */
  readonly sampling: Partial<Omit<Sampling, "stopTokens">>;
}

/**
 * Checks the body of a chat completion request.
 *
 * Unknown fields are ignored; known ones that cannot be honoured are refused.
 *
 * @throws {ApiError} 400, naming the field, what is wrong with it and what to do.
 */
export function parseChatRequest(body: unknown): ChatRequest {
  const chat = parseBody(chatSchema, body);
  checkSupported(chat);
  return {
    model: chat.model,
    messages: chat.messages.map(textMessage),
    tools: chat.tools ?? [],
    toolChoice: toolChoice(chat),
    parallelToolCalls: chat.parallel_tool_calls ?? true,
    stream: chat.stream ?? false,
    includeUsage: chat.stream_options?.include_usage ?? false,
    n: chat.n ?? 1,
    stop: typeof chat.stop === "string" ? [chat.stop] : chat.stop ?? [],
    logprobs: chat.logprobs ?? false,
    // The first is vLLM's word for it, the second SGLang's.
    ...((chat.include_reasoning ?? chat.separate_reasoning) &&
      { separateReasoning: true }),
    ...(chat.return_token_ids && { returnTokenIds: true }),
    sampling: askedSampling(chat),
  };
}

function checkSupported(chat: ChatBody): void {
  const refused = refusedField(chat);
  if (refused !== undefined) {
    throw refusal(
      refused.param,
      `${refused.param} is not supported: ${refused.hint}`,
    );
  }
  if ((chat.top_logprobs ?? 0) > 0) {
    throw refusal(
      "top_logprobs",
      "top_logprobs must be 0: logprobs are given for the sampled tokens alone",
    );
  }
  const format = chat.response_format?.type ?? "text";
  if (format !== "text") {
    throw refusal(
      "response_format",
      `response_format "${format}" is not supported: ask for JSON in the prompt, or give a tool`,
    );
  }
}

function textMessage(message: ChatBodyMessage, index: number): ChatMessage {
  const { role, content, tool_calls, tool_call_id, name, ...others } = message;
  const { reasoning_content, ...rest } = others;
  const text = textContent(content, index);
  return {
    ...rest,
    role: role === "developer" ? "system" : role,
    // What was sent apart goes back to where it was sampled.
    content: reasoning_content
      ? joinReasoning({ reasoning: reasoning_content, content: text })
      : text,
    ...(tool_calls?.length && { tool_calls: tool_calls as ToolCalls }),
    ...(tool_call_id && { tool_call_id }),
    ...(name && { name }),
  };
}

type ToolCalls = NonNullable<ChatMessage["tool_calls"]>;

function textContent(
  content: ChatBodyMessage["content"],
  index: number,
): string {
  if (typeof content === "string") return content;
  return (content ?? []).map((part, at) => {
    if (part.type === "text" && typeof part.text === "string") return part.text;
    if (part.type === "refusal" && typeof part.refusal === "string") {
      return part.refusal;
    }
    const param = `messages[${index}].content[${at}]`;
    throw refusal(
      param,
      `${param} is of type "${part.type}": only parts of type "text" with a text are supported`,
    );
  }).join("\n");
}

function toolChoice(chat: ChatBody): ToolChoice {
  const choice = chat.tool_choice ?? "auto";
  if (choice === "auto" || choice === "none") return { kind: choice };
  const names = (chat.tools ?? []).map((tool) => tool.function.name);
  if (names.length === 0) {
    throw refusal("tool_choice", "tool_choice needs tools to choose from");
  }
  if (choice === "required") return { kind: "required" };
  const { name } = choice.function;
  if (!names.includes(name)) {
    throw refusal(
      "tool_choice",
      `tool_choice names "${name}", which is not among the tools`,
    );
  }
  return { kind: "required", name };
}

function askedSampling(chat: ChatBody): ChatRequest["sampling"] {
  const maxTokens = chat.max_completion_tokens ?? chat.max_tokens;
  return {
    ...(typeof chat.temperature === "number" &&
      { temperature: chat.temperature }),
    ...(typeof chat.top_p === "number" && { topP: chat.top_p }),
    ...(typeof chat.top_k === "number" && { topK: Math.max(0, chat.top_k) }),
    ...(typeof chat.min_p === "number" && { minP: chat.min_p }),
    ...(typeof chat.seed === "number" && { seed: chat.seed >>> 0 }),
    ...(typeof maxTokens === "number" && { maxTokens }),
  };
}

function refusal(param: string, message: string): ApiError {
  return new ApiError(400, message, { param });
}
