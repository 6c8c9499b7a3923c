import type { ChatMessage, ChatToolCall } from "../../model/mod.ts";
import { readable } from "../dashboard/page/visible.js";
import type { Paint } from "../report/_text.ts";
import { field } from "./_field.ts";

const COLORS = { user: "blue", assistant: "green" } as const;

/** A message: who speaks, the text, and the tools that are called. */
export function messageLines(
  { role, name, content, tool_calls }: ChatMessage,
  page: { readonly paint: Paint; readonly width: number },
): string[] {
  const { paint } = page;
  const color = Object.hasOwn(COLORS, role)
    ? COLORS[role as keyof typeof COLORS]
    : "bold";
  const speaker = paint(color, readable(name ?? role).slice(0, 9));
  const text = textOf(content);
  const said = [
    ...(text === "" && tool_calls?.length ? [] : [readable(text)]),
    ...(tool_calls ?? []).map((call) => paint("bold", callOf(call))),
  ];
  return field(speaker, said.join("\n"), page);
}

function textOf(content: ChatMessage["content"]): string {
  if (typeof content === "string") return content;
  return (content ?? []).map(({ text }) => text).join("\n");
}

function callOf({ function: called }: ChatToolCall): string {
  const given = called.arguments;
  const shown = typeof given === "string" ? given : JSON.stringify(given);
  return `→ ${readable(called.name)} ${readable(shown)}`;
}
