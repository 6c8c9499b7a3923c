import type { DialectContext, JsonBody } from "./_dialect.ts";
import { logprobsOf } from "./_logprobs.ts";
import type { ResponsesBody } from "./_responses_schema.ts";
import { usageOf } from "./_usage.ts";
import type {
  ChatChoice,
  ChatCompletion,
  IdentifiedToolCall,
} from "./chat_completion.ts";

/** What a response is written with. */
export interface ResponseOptions extends DialectContext {
  readonly asked: ResponsesBody;
}

/** Id of the response that answers with a chat completion. */
export function responseId(completion: string): string {
  return completion.replace(/^chatcmpl-/, "resp_");
}

/** A response in one piece. */
export function responseJson(
  completion: ChatCompletion,
  options: ResponseOptions,
): JsonBody {
  return endedResponse(completion, outputItems(completion, options), options);
}

/** The items of a response: its words, if it has any, and its tool calls. */
export function outputItems(
  completion: ChatCompletion,
  options: ResponseOptions,
): (JsonBody & { readonly id: string })[] {
  const [choice] = completion.choices;
  const { content, toolCalls } = choice!;
  const id = responseId(completion.id);
  const text = content !== "" || toolCalls.length === 0
    ? [messageItem(id, content, askedLogprobs(choice!, options))]
    : [];
  return [...text, ...toolCalls.map(callItem)];
}

/** A response that has ended, with its output and usage. */
export function endedResponse(
  completion: ChatCompletion,
  output: readonly (JsonBody | null)[],
  options: ResponseOptions,
): JsonBody {
  const isCut = completion.choices[0]!.finishReason === "length";
  const status = isCut ? "incomplete" : "completed";
  const { prompt, sampled } = usageOf(completion);
  return {
    ...responseBase(responseId(completion.id), status, options),
    incomplete_details: isCut ? { reason: "max_output_tokens" } : null,
    output,
    usage: {
      input_tokens: prompt,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: sampled,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: prompt + sampled,
    },
  };
}

/** A response without output. */
export function responseBase(
  id: string,
  status: string,
  { asked, created }: ResponseOptions,
): JsonBody {
  return {
    id,
    object: "response",
    created_at: created,
    status,
    error: null,
    incomplete_details: null,
    instructions: asked.instructions ?? null,
    max_output_tokens: asked.max_output_tokens ?? null,
    model: asked.model,
    output: [],
    parallel_tool_calls: asked.parallel_tool_calls ?? true,
    previous_response_id: asked.previous_response_id ?? null,
    reasoning: { effort: null, summary: null },
    store: asked.store ?? true,
    temperature: asked.temperature ?? null,
    text: { format: { type: "text" } },
    tool_choice: asked.tool_choice ?? "auto",
    tools: asked.tools ?? [],
    top_p: asked.top_p ?? null,
    truncation: "disabled",
    usage: null,
    metadata: asked.metadata ?? {},
  };
}

/** The item that holds a reply's words. */
export function messageItem(
  response: string,
  text: string,
  logprobs: readonly JsonBody[],
): JsonBody & { readonly id: string } {
  return {
    id: messageId(response),
    type: "message",
    role: "assistant",
    status: "completed",
    content: [textPart(text, logprobs)],
  };
}

/** Id of the item that holds a reply's words. */
export function messageId(response: string): string {
  return response.replace(/^resp_/, "msg_");
}

/** The one part of such an item. */
export function textPart(
  text: string,
  logprobs: readonly JsonBody[],
): JsonBody {
  return { type: "output_text", text, annotations: [], logprobs };
}

/** The item that holds a tool call. */
export function callItem(
  call: IdentifiedToolCall,
): JsonBody & { readonly id: string } {
  const { name, arguments: json } = call.function;
  return {
    id: call.id.replace(/^call_/, "fc_"),
    type: "function_call",
    status: "completed",
    call_id: call.id,
    name,
    arguments: json,
  };
}

/** Logprobs of sampled tokens, where the request asks for them. */
export function askedLogprobs(
  sampled: Pick<ChatChoice, "tokens" | "logprobs">,
  { asked, tokenizer }: ResponseOptions,
): readonly JsonBody[] {
  const wanted = asked.include?.includes("message.output_text.logprobs");
  return wanted ? logprobsOf(sampled, tokenizer) : [];
}
