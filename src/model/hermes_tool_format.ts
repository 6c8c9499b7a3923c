import { withoutStartOf } from "./_call_stream.ts";
import { argumentsJson, fieldOf, parseExactJson } from "./_exact_json.ts";
import type {
  ParsedReply,
  ToolCall,
  ToolFormat,
  ToolStream,
} from "./tool_format.ts";

const OPEN = "<tool_call>";
const CLOSE = "</tool_call>";

/**
 * The format of Hermes, Qwen2.5 and Qwen3: a JSON object with `name` and `arguments` between
 * `<tool_call>` and the next `</tool_call>`.
 *
 * White space before a call, and after the last one, belongs to the format: templates write it anew
 * when the reply is rendered as history.
 */
export const hermesToolFormat: ToolFormat = {
  name: "hermes",
  parse(text: string): ParsedReply {
    const stream = new HermesStream();
    const { content, toolCalls } = stream.push(text);
    return { content: content + stream.end().content, toolCalls };
  },
  stream(): ToolStream {
    return new HermesStream();
  },
};

class HermesStream implements ToolStream {
  /** Outside of a call: white space and the start of a marker that may belong to the next one. */
  #held = "";
  /** Inside of a call: its text so far, in pieces so that a long one is not copied at each push. */
  #body: string[] | undefined;
  /** Inside of a call: the last characters, which may begin `CLOSE`. */
  #tail = "";
  /** Whether nothing but white space has come since a call. */
  #afterCall = false;
  #content = "";
  #toolCalls: ToolCall[] = [];

  push(text: string): ParsedReply {
    let rest = text;
    while (rest !== "") {
      rest = this.#body ? this.#readCall(rest, this.#body) : this.#read(rest);
    }
    return this.#reply();
  }

  end(): ParsedReply {
    if (this.#body) {
      this.#emit(this.#held + OPEN + this.#body.join("") + this.#tail);
    } else if (!this.#afterCall || this.#held.trim() !== "") {
      this.#emit(this.#held);
    }
    this.#held = "";
    this.#body = undefined;
    this.#tail = "";
    this.#afterCall = false;
    return this.#reply();
  }

  /** Reads plain text up to a call's start; returns what comes after it. */
  #read(text: string): string {
    const all = this.#held + text;
    const open = all.indexOf(OPEN);
    const before = open < 0 ? withoutStartOf(OPEN, all) : all.slice(0, open);
    const certain = before.trimEnd().length;
    this.#emit(all.slice(0, certain));
    if (open < 0) {
      this.#held = all.slice(certain);
      return "";
    }
    this.#held = before.slice(certain);
    this.#body = [];
    return all.slice(open + OPEN.length);
  }

  /** Reads a call's text up to its end; returns what comes after it. */
  #readCall(text: string, pieces: string[]): string {
    const all = this.#tail + text;
    const close = all.indexOf(CLOSE);
    if (close < 0) {
      const certain = Math.max(0, all.length - CLOSE.length + 1);
      pieces.push(all.slice(0, certain));
      this.#tail = all.slice(certain);
      return "";
    }
    const body = pieces.join("") + all.slice(0, close);
    const call = parseCall(body);
    if (call) {
      this.#toolCalls.push(call);
      this.#afterCall = true;
    } else {
      this.#emit(this.#held + OPEN + body + CLOSE);
    }
    this.#held = "";
    this.#body = undefined;
    this.#tail = "";
    return all.slice(close + CLOSE.length);
  }

  #emit(text: string): void {
    if (text === "") return;
    this.#content += text;
    this.#afterCall = false;
  }

  #reply(): ParsedReply {
    const reply = { content: this.#content, toolCalls: this.#toolCalls };
    this.#content = "";
    this.#toolCalls = [];
    return reply;
  }
}

function parseCall(body: string): ToolCall | undefined {
  const call = parseExactJson(body);
  const name = fieldOf(call, "name");
  const json = argumentsJson(fieldOf(call, "arguments"));
  return typeof name === "string" && name !== "" && json !== undefined
    ? { name, arguments: json }
    : undefined;
}
