import type { ChatToolCall } from "../model/mod.ts";

/** A tool call as it is sent to the agent. */
export interface IdentifiedToolCall extends ChatToolCall {
  readonly id: string;
  readonly type: "function";
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One reply to a chat completion request. */
export interface ChatChoice {
  readonly index: number;
  readonly content: string;
  readonly toolCalls: readonly IdentifiedToolCall[];
  readonly finishReason: "stop" | "length" | "tool_calls";
  /** Sampled ids, exactly as recorded. */
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

/** A piece of a reply on its way. */
export interface ChatPiece {
  /** The completion's `id`. */
  readonly id: string;
  /** The reply it belongs to. */
  readonly index: number;
  readonly content: string;
  /** Complete tool calls. */
  readonly toolCalls: readonly IdentifiedToolCall[];
  /** Ids sampled since the piece before. */
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
}

/** The answer to a chat completion request. */
export interface ChatCompletion {
  /** The same for every piece of it: `chatcmpl-…`. */
  readonly id: string;
  readonly choices: readonly ChatChoice[];
  /** Tokens of the prompt. */
  readonly promptTokens: number;
}
