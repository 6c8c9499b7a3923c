import { type CallReader, CallStream, type Read } from "./_call_stream.ts";
import {
  argumentsJson,
  fieldOf,
  jsonEnd,
  parseExactJson,
} from "./_exact_json.ts";
import { type ParsedReply, parseWith, type ToolFormat } from "./tool_format.ts";

const MARKER = "[TOOL_CALLS]";

/**
 * The formats of Mistral: after `[TOOL_CALLS]` a JSON array of objects with `name` and `arguments`, or, of newer
 * models, for each call `[TOOL_CALLS]name{…}` or `[TOOL_CALLS]name[ARGS]{…}`.
 */
export const mistralToolFormat: ToolFormat = {
  name: "mistral",
  opening: MARKER,
  parse: (text: string): ParsedReply =>
    parseWith(mistralToolFormat.stream(), text),
  stream: () => new CallStream({ marker: MARKER, bare: "", reader }),
};

/** Where the reader stands: after a marker, within an array, or after calls. */
type Place = "marker" | "array" | "after";

function reader(): CallReader {
  let place: Place = "marker";
  return (text) => {
    switch (place) {
      case "marker": {
        const start = /^\s*/.exec(text)![0].length;
        if (text[start] === "[") {
          place = "array";
          return { kind: "skip", length: start + 1 };
        }
        const read = readNamed(text);
        if (read.kind === "call") place = "after";
        return read;
      }
      case "array": {
        const start = /^[\s,]*/.exec(text)![0].length;
        if (text[start] !== "]") return readElement(text, start);
        place = "after";
        return { kind: "skip", length: start + 1 };
      }
      case "after": {
        const rest = text.trimStart();
        if (rest !== MARKER && MARKER.startsWith(rest)) return { kind: "more" };
        if (!rest.startsWith(MARKER)) return { kind: "none" };
        place = "marker";
        const length = text.length - rest.length + MARKER.length;
        return { kind: "skip", length };
      }
    }
  };
}

function readElement(text: string, start: number): Read {
  if (start === text.length) return { kind: "more" };
  if (text[start] !== "{") return { kind: "none" };
  const end = jsonEnd(text, start);
  if (end < 0) return { kind: "more" };
  const call = parseExactJson(text.slice(start, end));
  const name = fieldOf(call, "name");
  const json = argumentsJson(fieldOf(call, "arguments"));
  return typeof name === "string" && name !== "" && json !== undefined
    ? { kind: "call", call: { name, arguments: json }, length: end }
    : { kind: "none" };
}

function readNamed(text: string): Read {
  const brace = text.indexOf("{");
  const head = brace < 0 ? text : text.slice(0, brace);
  if (brace < 0) {
    const begun = /^\s*[\w.-]*\s*(\[[\w\]\[]*)?\s*$/.test(head);
    return { kind: begun ? "more" : "none" };
  }
  const name = /^\s*([\w.-]+)\s*(?:\[CALL_ID\]\w+)?\s*(?:\[ARGS\])?\s*$/
    .exec(head)?.[1];
  if (name === undefined) return { kind: "none" };
  const end = jsonEnd(text, brace);
  if (end < 0) return { kind: "more" };
  const json = argumentsJson(parseExactJson(text.slice(brace, end)));
  return json === undefined
    ? { kind: "none" }
    : { kind: "call", call: { name, arguments: json }, length: end };
}
