import type { Tokenizer } from "../model/mod.ts";
import type { ApiError } from "./api_error.ts";
import type { ChatCompletion, ChatPiece } from "./chat_completion.ts";
import type { ChatRequest } from "./chat_request.ts";

/** An object that is sent as JSON. */
export type JsonBody = Readonly<Record<string, unknown>>;

/** One server-sent event. */
export interface ServerEvent {
  /** The event's name, where the dialect gives names. */
  readonly name?: string;
  /** Its data, written out: most of an event is the same in all of a stream. */
  readonly json: string;
}

/** One way of asking for a reply over HTTP. All of them end in the same recorded calls. */
export interface Dialect {
  /**
   * Reads the body of a request.
   *
   * @throws {ApiError} 400, naming the field, what is wrong with it and what to do.
   */
  read(body: unknown, context: DialectContext): Asked;
  /** The body of an answer that is an error. */
  error(error: ApiError): JsonBody;
}

/** What a dialect writes answers with. */
export interface DialectContext {
  readonly tokenizer: Tokenizer | undefined;
  /** Seconds since 1970. */
  readonly created: number;
  /** What the session keeps between requests. */
  readonly session: object;
}

/** A request that was understood, and how it is answered. */
export interface Asked {
  readonly chat: ChatRequest;
  /** The answer in one piece. */
  answer(completion: ChatCompletion): JsonBody;
  /** Writes the answer as it is sampled; used once. */
  stream(): EventWriter;
}

/** Writes one streamed answer. */
export interface EventWriter {
  /** Events that carry a piece: none, where it has nothing that the request asked for. */
  piece(piece: ChatPiece): ServerEvent[];
  /** The last events of an answer that went well. */
  end(completion: ChatCompletion): ServerEvent[];
  /** The last event of an answer that broke off. */
  error(error: ApiError): ServerEvent;
  /** Text that ends the stream, after `data:`. */
  readonly last?: string;
}
