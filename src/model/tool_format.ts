/** A tool call that a model wrote. */
export interface ToolCall {
  /** The tool's name. */
  readonly name: string;
  /** JSON text of an object; numbers keep the digits the model wrote. */
  readonly arguments: string;
}

/** A model's reply, or a piece of it, with the tool calls taken out of the text. */
export interface ParsedReply {
  /** Text beside the calls. */
  readonly content: string;
  /** Complete calls, in order. */
  readonly toolCalls: readonly ToolCall[];
}

/** Parses one reply while it is being written. */
export interface ToolStream {
  /** Takes the next text; returns what is certain by now and was not returned before. */
  push(text: string): ParsedReply;
  /** Ends the reply; returns what was held back. */
  end(): ParsedReply;
}

/** How a family of models writes tool calls. */
export interface ToolFormat {
  /** The format's name, for logs. */
  readonly name: string;
  /** What a reply's calls begin with; absent where templates write a call beside any content. */
  readonly opening?: string;
  /** Parses a complete reply. What looks like a call but is malformed stays content. */
  parse(text: string): ParsedReply;
  /** Starts parsing a reply that is still being written; the pieces add up to `parse` of the whole. */
  stream(): ToolStream;
}

/** Parses a complete reply with a stream that has not begun. */
export function parseWith(stream: ToolStream, text: string): ParsedReply {
  const [pushed, held] = [stream.push(text), stream.end()];
  return {
    content: pushed.content + held.content,
    toolCalls: [...pushed.toolCalls, ...held.toolCalls],
  };
}
