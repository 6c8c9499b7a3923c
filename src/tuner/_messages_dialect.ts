import type { Asked, Dialect, JsonBody } from "./_dialect.ts";
import { MessageWriter } from "./_message_writer.ts";
import { messageJson } from "./_message_json.ts";
import { messagesInput } from "./_messages_input.ts";
import {
  countedSchema,
  type MessagesBody,
  messagesSchema,
} from "./_messages_schema.ts";
import { parseBody } from "./_parse_body.ts";
import type { ApiError, ApiErrorStatus } from "./api_error.ts";
import { type ChatRequest, parseChatRequest } from "./chat_request.ts";

/** Anthropic's Messages, as chat completions: own functions are the only tools. */
export const messagesDialect: Dialect = {
  read(body: unknown): Asked {
    const asked = parseBody(messagesSchema, body);
    const { model } = asked;
    return {
      chat: parseChatRequest(chatBody(asked)),
      answer: (completion) => messageJson(completion, model),
      stream: () => new MessageWriter(model, messagesDialect.error),
    };
  },
  error({ status, message }: ApiError): JsonBody {
    return { type: "error", error: { type: ERROR_TYPES[status], message } };
  },
};

/**
 * Reads the body of a request to count the tokens that a message would have for its prompt.
 *
 * @throws {ApiError} 400, naming the field, what is wrong with it and what to do.
 */
export function readCounted(body: unknown): ChatRequest {
  return parseChatRequest(chatBody(parseBody(countedSchema, body)));
}

/** Anthropic's names of errors. */
const ERROR_TYPES: Readonly<Record<ApiErrorStatus, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  404: "not_found_error",
  405: "invalid_request_error",
  413: "request_too_large",
  429: "rate_limit_error",
  500: "api_error",
  503: "overloaded_error",
};

function chatBody(asked: MessagesBody): JsonBody {
  const choice = asked.tool_choice;
  return {
    model: asked.model,
    messages: messagesInput(asked),
    tools: asked.tools?.map(({ name, description, input_schema }) => ({
      type: "function",
      function: {
        name,
        ...(typeof description === "string" && { description }),
        parameters: input_schema,
      },
    })),
    tool_choice: choice && chatToolChoice(choice),
    parallel_tool_calls: !(choice?.disable_parallel_tool_use ?? false),
    stop: asked.stop_sequences?.length ? asked.stop_sequences : undefined,
    stream: asked.stream,
    max_completion_tokens: asked.max_tokens,
    temperature: asked.temperature,
    top_p: asked.top_p,
    top_k: asked.top_k,
  };
}

function chatToolChoice(
  { type, name }: NonNullable<MessagesBody["tool_choice"]>,
): unknown {
  if (type === "tool") return { type: "function", function: { name } };
  return type === "any" ? "required" : type;
}
