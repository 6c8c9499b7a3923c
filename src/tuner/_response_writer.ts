import type { EventWriter, JsonBody, ServerEvent } from "./_dialect.ts";
import {
  askedLogprobs,
  callItem,
  endedResponse,
  messageId,
  messageItem,
  responseBase,
  responseId,
  type ResponseOptions,
  textPart,
} from "./_response_json.ts";
import type { ApiError } from "./api_error.ts";
import type {
  ChatCompletion,
  ChatPiece,
  IdentifiedToolCall,
} from "./chat_completion.ts";

/** The events of a streamed response. */
export class ResponseWriter implements EventWriter {
  readonly #options: ResponseOptions;
  readonly #onEnd: (completion: ChatCompletion) => void;
  /** The items so far; a message stands as null until it is complete. */
  readonly #output: (JsonBody | null)[] = [];
  readonly #logprobs: JsonBody[] = [];
  #text = "";
  #sent = 0;

  constructor(
    options: ResponseOptions & {
      readonly onEnd: (completion: ChatCompletion) => void;
    },
  ) {
    this.#options = options;
    this.#onEnd = options.onEnd;
  }

  piece(piece: ChatPiece): ServerEvent[] {
    const { content, toolCalls } = piece;
    const id = responseId(piece.id);
    const logprobs = askedLogprobs(piece, this.#options);
    this.#logprobs.push(...logprobs);
    return [
      ...this.#begin(id),
      ...content === "" ? [] : this.#writeText(id, content, logprobs),
      ...toolCalls.flatMap((call) => this.#writeCall(call)),
    ];
  }

  end(completion: ChatCompletion): ServerEvent[] {
    this.#onEnd(completion);
    const id = responseId(completion.id);
    const events = [
      ...this.#begin(id),
      ...this.#output.length === 0 ? this.#openMessage(id) : [],
    ];
    const at = this.#output.indexOf(null);
    if (at >= 0) events.push(...this.#closeMessage(id, at));
    const response = endedResponse(completion, this.#output, this.#options);
    const end = response.status === "completed" ? "completed" : "incomplete";
    return [...events, this.#event(`response.${end}`, { response })];
  }

  error(error: ApiError): ServerEvent {
    // Clients look for `error`; the fields beside it are those of the event's own form.
    const { error: { message, code, param } } = error.toJSON();
    return this.#event("error", { message, code, param, ...error.toJSON() });
  }

  #begin(id: string): ServerEvent[] {
    if (this.#sent > 0) return [];
    const response = responseBase(id, "in_progress", this.#options);
    return ["response.created", "response.in_progress"]
      .map((type) => this.#event(type, { response }));
  }

  #writeText(
    id: string,
    delta: string,
    logprobs: readonly JsonBody[],
  ): ServerEvent[] {
    const opening = this.#output.includes(null) ? [] : this.#openMessage(id);
    const at = this.#output.indexOf(null);
    this.#text += delta;
    const place = this.#textPlace(id, at);
    return [
      ...opening,
      this.#event("response.output_text.delta", { ...place, delta, logprobs }),
    ];
  }

  #openMessage(id: string): ServerEvent[] {
    const output_index = this.#output.push(null) - 1;
    const item = { ...messageItem(id, "", []), status: "in_progress" };
    return [
      this.#event("response.output_item.added", {
        output_index,
        item: { ...item, content: [] },
      }),
      this.#event("response.content_part.added", {
        ...this.#textPlace(id, output_index),
        part: textPart("", []),
      }),
    ];
  }

  #closeMessage(id: string, output_index: number): ServerEvent[] {
    const text = this.#text;
    const logprobs = this.#logprobs;
    const place = this.#textPlace(id, output_index);
    const item = messageItem(id, text, logprobs);
    this.#output[output_index] = item;
    return [
      this.#event("response.output_text.done", { ...place, text, logprobs }),
      this.#event("response.content_part.done", {
        ...place,
        part: textPart(text, logprobs),
      }),
      this.#event("response.output_item.done", { output_index, item }),
    ];
  }

  #writeCall(call: IdentifiedToolCall): ServerEvent[] {
    const item = callItem(call);
    const output_index = this.#output.push(item) - 1;
    const { name, arguments: json } = call.function;
    const place = { item_id: item.id, output_index };
    const type = "response.function_call_arguments";
    return [
      this.#event("response.output_item.added", {
        output_index,
        item: { ...item, arguments: "", status: "in_progress" },
      }),
      this.#event(`${type}.delta`, { ...place, delta: json }),
      this.#event(`${type}.done`, { ...place, name, arguments: json }),
      this.#event("response.output_item.done", { output_index, item }),
    ];
  }

  #textPlace(id: string, output_index: number): JsonBody {
    return { item_id: messageId(id), output_index, content_index: 0 };
  }

  #event(type: string, fields: JsonBody): ServerEvent {
    const data = { type, sequence_number: this.#sent++, ...fields };
    return { name: type, json: JSON.stringify(data) };
  }
}
