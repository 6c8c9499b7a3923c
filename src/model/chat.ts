/** A tool call as OpenAI's chat API and chat templates write it. */
export interface ChatToolCall {
  /** What the tool's answer refers to. */
  readonly id?: string;
  /** `function` for all calls known here. */
  readonly type?: string;
  /** The tool and what it is called with. */
  readonly function: {
    /** The tool's name. */
    readonly name: string;
    /** JSON text, as OpenAI has it, or the parsed object, as chat templates want it. */
    readonly arguments: unknown;
  };
}

/** A piece of a message's text, as OpenAI's chat API writes it. */
export interface ChatTextPart {
  /** Other kinds of parts (images, audio) are refused. */
  readonly type: "text";
  /** The text itself. */
  readonly text: string;
}

/** A message of a conversation, in the field names of OpenAI's chat API. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or what else the template knows. */
  readonly role: string;
  /** The text; none, and null, mean the same as an empty one. */
  readonly content?: string | null | readonly ChatTextPart[];
  /** Tools an assistant calls. */
  readonly tool_calls?: readonly ChatToolCall[] | null;
  /** Of a tool's answer: the call it answers. */
  readonly tool_call_id?: string;
  /** Who speaks, where several share a role. */
  readonly name?: string;
  /** Other fields are handed to the template as they are. */
  readonly [field: string]: unknown;
}
