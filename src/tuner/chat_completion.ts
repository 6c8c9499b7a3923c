import type { ChatToolCall } from "../model/mod.ts";

/** A tool call as it is sent to the agent. */
export interface IdentifiedToolCall extends ChatToolCall {
  /** Unique within the episode. */
  readonly id: string;
  /** Functions are all there is. */
  readonly type: "function";
  /** The tool's name, and its arguments as JSON text. */
  readonly function: { readonly name: string; readonly arguments: string };
}

/** One reply to a chat completion request. */
export interface ChatChoice {
  /** Its place among the replies. */
  readonly index: number;
  /** What the model says, tool calls left out. */
  readonly content: string;
  /** Whether the prompt had opened a block of reasoning. */
  readonly reasoning?: boolean;
  /** In the order in which they were made. */
  readonly toolCalls: readonly IdentifiedToolCall[];
  /** Why it ended; `stop` where it ended itself or at a stop text. */
  readonly finishReason: "stop" | "length" | "tool_calls";
  /** The stop text that ended it; absent where none did. */
  readonly stop?: string;
  /** Sampled ids, exactly as recorded. */
  readonly tokens: readonly number[];
  /** Logprob of each sampled id, as the engine gave it. */
  readonly logprobs: readonly number[];
}

/** A piece of a reply on its way. */
export interface ChatPiece {
  /** The completion's `id`. */
  readonly id: string;
  /** Tokens of the prompt. */
  readonly promptTokens: number;
  /** Their ids; absent where they are not to be had. */
  readonly prompt?: readonly number[];
  /** The reply it belongs to. */
  readonly index: number;
  /** Text that goes on from the piece before. */
  readonly content: string;
  /** Whether the prompt had opened a block of reasoning. */
  readonly reasoning?: boolean;
  /** Complete tool calls. */
  readonly toolCalls: readonly IdentifiedToolCall[];
  /** Ids sampled since the piece before. */
  readonly tokens: readonly number[];
  /** Logprob of each of these ids. */
  readonly logprobs: readonly number[];
}

/** The answer to a chat completion request. */
export interface ChatCompletion {
  /** The same for every piece of it: `chatcmpl-…`. */
  readonly id: string;
  /** As many replies as the request asked for. */
  readonly choices: readonly ChatChoice[];
  /** Tokens of the prompt. */
  readonly promptTokens: number;
  /** Their ids; absent where they are not to be had. */
  readonly prompt?: readonly number[];
  /** Tokens sampled, where the replies come without their ids. @default theirs in all */
  readonly sampledTokens?: number;
}
