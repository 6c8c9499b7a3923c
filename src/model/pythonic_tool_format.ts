import { type CallReader, CallStream, type Read } from "./_call_stream.ts";
import { stringEnd } from "./_exact_json.ts";
import { afterComma, pythonLiteral, skipSpace } from "./_python_literal.ts";
import { type ParsedReply, parseWith, type ToolFormat } from "./tool_format.ts";

/**
 * The other format of Llama 3.2, and Llama 4's: the reply is a list of calls as Python writes them,
 * `[name(key="value", other=[1, 2])]`.
 */
export const pythonicToolFormat: ToolFormat = {
  name: "pythonic",
  parse: (text: string): ParsedReply =>
    parseWith(pythonicToolFormat.stream(), text),
  stream: () =>
    new CallStream({ marker: "<|python_start|>", bare: "[", reader }),
};

function reader(): CallReader {
  let place: "before" | "list" | "after" = "before";
  return (text) => {
    const rest = text.trimStart();
    if (rest === "") return { kind: "more" };
    const start = text.length - rest.length;
    switch (place) {
      case "before":
        if (rest[0] !== "[") return { kind: "none" };
        place = "list";
        return { kind: "skip", length: start + 1 };
      case "list": {
        const at = /^[\s,]*/.exec(text)![0].length;
        if (at === text.length) return { kind: "more" };
        if (text[at] !== "]") return readCall(text, at);
        place = "after";
        return { kind: "skip", length: at + 1 };
      }
      case "after": {
        const end = "<|python_end|>";
        if (rest.startsWith(end)) {
          return { kind: "skip", length: start + end.length };
        }
        return { kind: end.startsWith(rest) ? "more" : "none" };
      }
    }
  };
}

function readCall(text: string, start: number): Read {
  const name = /^[A-Za-z_][\w.]*/.exec(text.slice(start))?.[0];
  if (name === undefined) return { kind: "none" };
  const open = start + name.length;
  if (open === text.length) return { kind: "more" };
  if (text[open] !== "(") return { kind: "none" };
  const end = parenthesisEnd(text, open);
  if (end < 0) return { kind: "more" };
  const json = keywordArguments(text.slice(open + 1, end));
  return json === undefined
    ? { kind: "none" }
    : { kind: "call", call: { name, arguments: json }, length: end + 1 };
}

/** The JSON of `key=value, …`; undefined where that is not what `text` is. */
function keywordArguments(text: string): string | undefined {
  const parts: string[] = [];
  for (let at = skipSpace(text, 0); at < text.length;) {
    const key = /^(\w+)\s*=/.exec(text.slice(at));
    const value = key && pythonLiteral(text, at + key[0].length);
    if (!value) return undefined;
    parts.push(`${JSON.stringify(key[1])}:${value.json}`);
    const end = skipSpace(text, value.end);
    at = end === text.length ? end : afterComma(text, end, "");
    if (at < 0) return undefined;
  }
  return `{${parts.join(",")}}`;
}

/** Index of the bracket that closes the one at `start`; −1 where there is none yet. */
function parenthesisEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const char = text[at]!;
    if (char === '"' || char === "'") {
      at = stringEnd(text, at);
      if (at < 0) return -1;
    } else if ("([{".includes(char)) {
      depth++;
    } else if (")]}".includes(char) && --depth === 0) {
      return at;
    }
  }
  return -1;
}
