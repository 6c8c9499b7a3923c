import {
  type ChatMessage,
  joinReasoning,
  splitReasoning,
} from "../model/mod.ts";

/**
 * A message's content and tool calls in one form, equal for messages that say the same.
 *
 * White space around the content, spacing and key order of the arguments and the ids of the calls
 * make no difference: agents' frameworks change them without meaning to.
 */
export function canonicalMessage(
  message: Pick<ChatMessage, "content" | "tool_calls">,
): string {
  const { content, tool_calls } = message;
  const text = typeof content === "string" ? canonicalText(content) : "";
  if (!tool_calls?.length) return text;
  const calls = tool_calls.map((call) => [
    call.function.name,
    sortedJson(call.function.arguments),
  ]);
  return `${text}\u0000${JSON.stringify(calls)}`;
}

/** The text without the white space at its edges, and at those of a block of reasoning that it begins with. */
function canonicalText(text: string): string {
  if (!text.includes("</think>")) return text.trim();
  const { reasoning, content } = splitReasoning(text.trim(), true);
  const thought = reasoning.replace(/^<think>/, "").trim();
  return joinReasoning({ reasoning: thought, content: content.trim() });
}

function sortedJson(value: unknown): unknown {
  if (typeof value !== "string") return JSON.stringify(value, sortKeys);
  try {
    return JSON.stringify(JSON.parse(value), sortKeys);
  } catch {
    return value;
  }
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0),
  );
}
