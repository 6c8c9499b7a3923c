import type { ChatMessage } from "../model/mod.ts";
import { parseBody } from "./_parse_body.ts";
import {
  type ResponsesBody,
  type ResponsesItem,
  responsesItemSchema,
} from "./_responses_schema.ts";
import { ApiError } from "./api_error.ts";

/** An assistant's turn under construction: in Responses it is spread over several items. */
interface Turn {
  content: string;
  readonly calls: NonNullable<ChatMessage["tool_calls"]>[number][];
  /** Whether the last item was a message: then the next message is a turn of its own. */
  closed: boolean;
}

/**
 * The input of a Responses request as chat messages.
 *
 * A reply with words and tool calls stands in the input as several items; those between two other
 * items become one assistant's message again. Reasoning items are left out.
 *
 * @param findItem The item of an earlier response that stands behind an `item_reference`.
 * @throws {ApiError} 400 if an item is none, or holds something else than text.
 */
export function responsesInput(
  input: ResponsesBody["input"],
  findItem: (id: string, param: string) => unknown,
): readonly ChatMessage[] {
  if (typeof input === "string") return [{ role: "user", content: input }];
  const messages: ChatMessage[] = [];
  let turn: Turn | undefined;
  const endTurn = () => {
    if (turn !== undefined) messages.push(turnMessage(turn));
    turn = undefined;
  };
  for (const [index, value] of input.entries()) {
    const at = ["input", index];
    const given = parseBody(responsesItemSchema, value, at);
    const item = given.type === "item_reference"
      ? parseBody(
        responsesItemSchema,
        findItem(given.id, `input[${index}].id`),
        at,
      )
      : given;
    if (item.type === "reasoning" || item.type === "item_reference") continue;
    if (item.type === "function_call") {
      turn ??= { content: "", calls: [], closed: false };
      turn.calls.push(toolCall(item));
      turn.closed = false;
    } else if (item.type === "function_call_output") {
      endTurn();
      const content = partsText(item.output, `input[${index}].output`);
      messages.push({ role: "tool", tool_call_id: item.call_id, content });
    } else {
      const content = partsText(item.content, `input[${index}].content`);
      if (item.role !== "assistant" || turn?.closed) endTurn();
      if (item.role === "assistant") {
        turn ??= { content: "", calls: [], closed: false };
        turn.content += content;
        turn.closed = true;
      } else {
        const role = item.role === "developer" ? "system" : item.role;
        messages.push({ role, content });
      }
    }
  }
  endTurn();
  return messages;
}

type FunctionCall = Extract<ResponsesItem, { type: "function_call" }>;

function toolCall(item: FunctionCall): Turn["calls"][number] {
  const { name, arguments: json } = item;
  const id = item.call_id;
  return { id, type: "function", function: { name, arguments: json } };
}

function turnMessage({ content, calls }: Turn): ChatMessage {
  const tools = calls.length > 0 && { tool_calls: calls };
  return { role: "assistant", content, ...tools };
}

/**
 * The text of a content that may come in parts, put together without anything between.
 *
 * @throws {ApiError} 400 if a part is not text.
 */
export function partsText(
  content:
    | string
    | readonly { readonly type: string; readonly [key: string]: unknown }[],
  param: string,
): string {
  if (typeof content === "string") return content;
  return content.map((part, at) => {
    const { type, text, refusal } = part;
    if (type === "refusal" && typeof refusal === "string") return refusal;
    if (/^(?:(?:input|output)_)?text$/.test(type) && typeof text === "string") {
      return text;
    }
    const message =
      `${param}[${at}] is of type "${type}": only parts with text are supported`;
    throw new ApiError(400, message, { param: `${param}[${at}]` });
  }).join("");
}
