import type { ChatMessage } from "../model/mod.ts";
import type { Asked, Dialect, DialectContext, JsonBody } from "./_dialect.ts";
import { parseBody } from "./_parse_body.ts";
import { ResponseStore } from "./_response_store.ts";
import { responsesInput } from "./_responses_input.ts";
import { type ResponsesBody, responsesSchema } from "./_responses_schema.ts";
import { outputItems, responseId, responseJson } from "./_response_json.ts";
import { ResponseWriter } from "./_response_writer.ts";
import type { ApiError } from "./api_error.ts";
import type { ChatCompletion } from "./chat_completion.ts";
import { type ChatRequest, parseChatRequest } from "./chat_request.ts";

/**
 * OpenAI's Responses, as chat completions: functions are the only tools, text the only modality.
 *
 * @returns A dialect that keeps, for each session, the conversations that requests may go on from.
 */
export function responsesDialect(): Dialect {
  const stores = new WeakMap<object, ResponseStore>();
  return {
    read(body: unknown, context: DialectContext): Asked {
      const asked = parseBody(responsesSchema, body);
      const store = stores.get(context.session) ?? new ResponseStore();
      stores.set(context.session, store);
      const previous = asked.previous_response_id ?? undefined;
      const earlier = previous === undefined
        ? []
        : store.conversation(previous);
      const news = responsesInput(
        asked.input,
        (id, param) => store.item(id, param),
      );
      const chat = chatRequest(asked, [...earlier, ...news]);
      const options = { asked, ...context };
      const keep = (completion: ChatCompletion) => {
        if (asked.store === false) return;
        const messages = [...news, replyMessage(completion)];
        const items = outputItems(completion, options);
        store.add(responseId(completion.id), { previous, messages, items });
      };
      return {
        chat,
        answer(completion) {
          keep(completion);
          return responseJson(completion, options);
        },
        stream: () => new ResponseWriter({ ...options, onEnd: keep }),
      };
    },
    error: (error: ApiError): JsonBody => error.toJSON(),
  };
}

function chatRequest(
  asked: ResponsesBody,
  messages: readonly ChatMessage[],
): ChatRequest {
  const { instructions, tools, tool_choice, include } = asked;
  const opening = instructions
    ? [{ role: "system", content: instructions }]
    : [];
  return parseChatRequest({
    model: asked.model,
    messages: [...opening, ...messages],
    tools: tools?.map(({ type, name, description, parameters }) => ({
      type,
      function: {
        name,
        ...(typeof description === "string" && { description }),
        ...(parameters && { parameters }),
      },
    })),
    tool_choice: typeof tool_choice === "object" && tool_choice !== null
      ? { type: "function", function: { name: tool_choice.name } }
      : tool_choice,
    parallel_tool_calls: asked.parallel_tool_calls,
    stream: asked.stream,
    max_completion_tokens: asked.max_output_tokens,
    temperature: asked.temperature,
    top_p: asked.top_p,
    logprobs: include?.includes("message.output_text.logprobs"),
  });
}

function replyMessage({ choices: [choice] }: ChatCompletion): ChatMessage {
  const { content, toolCalls } = choice!;
  const calls = toolCalls.length > 0 && { tool_calls: toolCalls };
  return { role: "assistant", content, ...calls };
}
