import type { ChatMessage } from "../model/mod.ts";
import {
  type MessagesBody,
  type MessagesContent,
  textBlockSchema,
  toolResultSchema,
  toolUseSchema,
} from "./_messages_schema.ts";
import { parseBody } from "./_parse_body.ts";
import { ApiError } from "./api_error.ts";

type Path = readonly PropertyKey[];
type Block = Exclude<MessagesContent, string>[number];

/**
 * The conversation of a Messages request as chat messages; blocks of thinking are left out.
 *
 * @throws {ApiError} 400 if a block is neither text nor a tool's call or result.
 */
export function messagesInput(
  { system, messages }: MessagesBody,
): readonly ChatMessage[] {
  const opening = system
    ? [{ role: "system" as const, content: textOf(system, ["system"], "\n") }]
    : [];
  const turns = messages.flatMap(({ role, content }, at) => {
    const path = ["messages", at, "content"];
    if (typeof content === "string") return [{ role, content }];
    return role === "assistant"
      ? [assistantMessage(content, path)]
      : userMessages(role, content, path);
  });
  return [...opening, ...turns];
}

function assistantMessage(blocks: readonly Block[], path: Path): ChatMessage {
  const calls: NonNullable<ChatMessage["tool_calls"]>[number][] = [];
  let content = "";
  for (const [at, block] of blocks.entries()) {
    if (/thinking$/.test(block.type)) continue;
    if (block.type === "tool_use") {
      const { id, name, input } = parseBody(toolUseSchema, block, [
        ...path,
        at,
      ]);
      const json = JSON.stringify(input);
      calls.push({ id, type: "function", function: { name, arguments: json } });
    } else content += textOf([block], path, "", at);
  }
  const toolCalls = calls.length > 0 && { tool_calls: calls };
  return { role: "assistant", content, ...toolCalls };
}

/** The results of tools as messages of their own, and then what the user says beside them. */
function userMessages(
  role: "user" | "system",
  blocks: readonly Block[],
  path: Path,
): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let words: Block[] = [];
  const endWords = (at: number) => {
    if (words.length === 0) return;
    const first = at - words.length;
    messages.push({ role, content: textOf(words, path, "\n", first) });
    words = [];
  };
  for (const [at, block] of blocks.entries()) {
    if (block.type !== "tool_result") {
      words.push(block);
      continue;
    }
    endWords(at);
    const result = parseBody(toolResultSchema, block, [...path, at]);
    const content = textOf(
      result.content ?? "",
      [...path, at, "content"],
      "\n",
    );
    messages.push({ role: "tool", tool_call_id: result.tool_use_id, content });
  }
  endWords(blocks.length);
  return messages;
}

/** @param first Place of the first block in the list at `path`. */
function textOf(
  content: MessagesContent,
  path: Path,
  separator: string,
  first = 0,
): string {
  if (typeof content === "string") return content;
  return content.map((block, index) => {
    const at = [...path, first + index];
    if (block.type === "text") {
      return parseBody(textBlockSchema, block, at).text;
    }
    const param = at.map(String).join(".");
    throw new ApiError(
      400,
      `${param} is of type "${block.type}": only text, tool_use and tool_result are supported`,
      { param },
    );
  }).join(separator);
}
