import type { Sampling } from "../engine/mod.ts";
import type { JsonBody } from "./_dialect.ts";
import type { ChatRequest, ToolChoice } from "./chat_request.ts";

/**
 * The bodies that ask an endpoint for the same reply, the richest first: with token ids and logprobs,
 * without, and as OpenAI's own newer models want it.
 */
export function chatBodies(
  request: ChatRequest,
  { model, sampling }: {
    readonly model: string;
    readonly sampling: Partial<Sampling>;
  },
): readonly JsonBody[] {
  const { messages, tools, toolChoice, parallelToolCalls, n, stop } = request;
  const { maxTokens } = sampling;
  const plain = {
    model,
    messages,
    ...(tools.length > 0 && {
      tools,
      tool_choice: toolChoiceJson(toolChoice),
      ...(!parallelToolCalls && { parallel_tool_calls: false }),
    }),
    ...(n > 1 && { n }),
    ...(stop.length > 0 && { stop }),
    stream: true,
    stream_options: { include_usage: true },
  };
  const sampled = { ...plain, ...samplingJson(sampling) };
  const limited = maxTokens === undefined
    ? sampled
    : { ...sampled, max_tokens: maxTokens };
  return [
    { ...limited, logprobs: true, return_token_ids: true },
    limited,
    {
      ...plain,
      ...(maxTokens !== undefined && { max_completion_tokens: maxTokens }),
    },
  ];
}

/** Neutral values are left out: not every server knows the field. */
function samplingJson(
  { temperature, topP, topK, minP, seed }: Partial<Sampling>,
): JsonBody {
  return {
    ...(temperature !== undefined && { temperature }),
    ...((topP ?? 1) < 1 && { top_p: topP }),
    ...((topK ?? 0) > 0 && { top_k: topK }),
    ...((minP ?? 0) > 0 && { min_p: minP }),
    ...(seed !== undefined && { seed }),
  };
}

function toolChoiceJson(choice: ToolChoice): unknown {
  return choice.kind === "required" && choice.name !== undefined
    ? { type: "function", function: { name: choice.name } }
    : choice.kind;
}
