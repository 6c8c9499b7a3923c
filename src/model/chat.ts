/** A tool call as OpenAI's chat API and chat templates write it. */
export interface ChatToolCall {
  readonly id?: string;
  readonly type?: string;
  readonly function: {
    readonly name: string;
    /** JSON text, as OpenAI has it, or the parsed object, as chat templates want it. */
    readonly arguments: unknown;
  };
}

/** A piece of a message's text, as OpenAI's chat API writes it. */
export interface ChatTextPart {
  readonly type: "text";
  readonly text: string;
}

/** A message of a conversation, in the field names of OpenAI's chat API. */
export interface ChatMessage {
  /** `system`, `user`, `assistant`, `tool`, or what else the template knows. */
  readonly role: string;
  readonly content?: string | null | readonly ChatTextPart[];
  readonly tool_calls?: readonly ChatToolCall[] | null;
  readonly tool_call_id?: string;
  readonly name?: string;
  /** Other fields are handed to the template as they are. */
  readonly [field: string]: unknown;
}
