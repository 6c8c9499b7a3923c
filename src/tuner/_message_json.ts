import type { JsonBody } from "./_dialect.ts";
import { usageOf } from "./_usage.ts";
import type {
  ChatChoice,
  ChatCompletion,
  IdentifiedToolCall,
} from "./chat_completion.ts";

/** Id of the message that answers with a chat completion. */
export function messageId(completion: string): string {
  return completion.replace(/^chatcmpl-/, "msg_");
}

/** An assistant's message in Anthropic's form. */
export function messageJson(
  completion: ChatCompletion,
  model: string,
): JsonBody {
  const choice = completion.choices[0]!;
  const { content, toolCalls } = choice;
  return {
    id: messageId(completion.id),
    type: "message",
    role: "assistant",
    model,
    content: [
      ...content === ""
        ? []
        : [{ type: "text", text: content, citations: null }],
      ...toolCalls.map((call) => ({
        ...toolUse(call),
        input: JSON.parse(call.function.arguments),
      })),
    ],
    ...ending(choice),
    usage: messageUsage(completion),
  };
}

/** A block that calls a tool, its arguments left out. */
export function toolUse(
  { id, function: { name } }: IdentifiedToolCall,
): JsonBody {
  return { type: "tool_use", id, name, input: {} };
}

/** Why a message ended. */
export function ending({ finishReason, stop }: ChatChoice): JsonBody {
  const reason = finishReason === "tool_calls"
    ? "tool_use"
    : finishReason === "length"
    ? "max_tokens"
    : stop === undefined
    ? "end_turn"
    : "stop_sequence";
  return { stop_reason: reason, stop_sequence: stop ?? null };
}

/** Tokens of a message and of what it answers. */
export function messageUsage(completion: ChatCompletion): JsonBody {
  const { prompt, sampled } = usageOf(completion);
  return { input_tokens: prompt, output_tokens: sampled };
}
