import { CallStream, type Read } from "./_call_stream.ts";
import {
  argumentsJson,
  fieldOf,
  jsonEnd,
  parseExactJson,
} from "./_exact_json.ts";
import { type ParsedReply, parseWith, type ToolFormat } from "./tool_format.ts";

/**
 * The format of Llama 3.1 and 3.2: the reply is a JSON object with `name` and `parameters`, or several of them with
 * semicolons between; text may stand before them where `<|python_tag|>` opens them.
 */
export const llama3ToolFormat: ToolFormat = {
  name: "llama3",
  parse: (text: string): ParsedReply =>
    parseWith(llama3ToolFormat.stream(), text),
  stream: () =>
    new CallStream({
      marker: "<|python_tag|>",
      bare: "{",
      reader: () => readCall,
    }),
};

function readCall(text: string): Read {
  const start = /^[\s;]*/.exec(text)![0].length;
  if (start === text.length) return { kind: "more" };
  if (text[start] !== "{") return { kind: "none" };
  const end = jsonEnd(text, start);
  if (end < 0) return { kind: "more" };
  const call = parseExactJson(text.slice(start, end));
  const name = fieldOf(call, "name");
  const json = argumentsJson(fieldOf(call, "parameters", "arguments"));
  return typeof name === "string" && name !== "" && json !== undefined
    ? { kind: "call", call: { name, arguments: json }, length: end }
    : { kind: "none" };
}
