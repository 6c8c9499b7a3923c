import type { EventWriter, JsonBody, ServerEvent } from "./_dialect.ts";
import { ending, messageId, messageUsage, toolUse } from "./_message_json.ts";
import type { ApiError } from "./api_error.ts";
import type {
  ChatCompletion,
  ChatPiece,
  IdentifiedToolCall,
} from "./chat_completion.ts";

/** The events of a streamed message; its blocks follow one another. */
export class MessageWriter implements EventWriter {
  readonly #model: string;
  readonly #errorBody: (error: ApiError) => JsonBody;
  #begun = false;
  /** Blocks that have begun. */
  #blocks = 0;
  /** Whether the last of them is text that may go on. */
  #inText = false;

  constructor(model: string, errorBody: (error: ApiError) => JsonBody) {
    this.#model = model;
    this.#errorBody = errorBody;
  }

  piece({ id, promptTokens, content, toolCalls }: ChatPiece): ServerEvent[] {
    return [
      ...this.#begin(id, promptTokens),
      ...content === "" ? [] : this.#writeText(content),
      ...toolCalls.flatMap((call) => this.#writeCall(call)),
    ];
  }

  end(completion: ChatCompletion): ServerEvent[] {
    const { id, promptTokens, choices } = completion;
    return [
      ...this.#begin(id, promptTokens),
      ...this.#endText(),
      event("message_delta", {
        delta: ending(choices[0]!),
        usage: messageUsage(completion),
      }),
      event("message_stop", {}),
    ];
  }

  error(error: ApiError): ServerEvent {
    return event("error", this.#errorBody(error));
  }

  #begin(id: string, promptTokens: number): ServerEvent[] {
    if (this.#begun) return [];
    this.#begun = true;
    const message = {
      id: messageId(id),
      type: "message",
      role: "assistant",
      model: this.#model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: promptTokens, output_tokens: 0 },
    };
    return [event("message_start", { message })];
  }

  #writeText(text: string): ServerEvent[] {
    const opening = this.#inText
      ? []
      : [this.#startBlock({ type: "text", text: "", citations: null })];
    this.#inText = true;
    return [...opening, this.#delta({ type: "text_delta", text })];
  }

  #writeCall(call: IdentifiedToolCall): ServerEvent[] {
    const partial_json = call.function.arguments;
    return [
      ...this.#endText(),
      this.#startBlock(toolUse(call)),
      this.#delta({ type: "input_json_delta", partial_json }),
      this.#stopBlock(),
    ];
  }

  #endText(): ServerEvent[] {
    if (!this.#inText) return [];
    this.#inText = false;
    return [this.#stopBlock()];
  }

  #startBlock(content_block: JsonBody): ServerEvent {
    const index = this.#blocks++;
    return event("content_block_start", { index, content_block });
  }

  #delta(delta: JsonBody): ServerEvent {
    return event("content_block_delta", { index: this.#blocks - 1, delta });
  }

  #stopBlock(): ServerEvent {
    return event("content_block_stop", { index: this.#blocks - 1 });
  }
}

function event(type: string, fields: JsonBody): ServerEvent {
  return { name: type, json: JSON.stringify({ type, ...fields }) };
}
