import type { Sampling } from "../engine/mod.ts";
import type { TokenTree } from "../tracker/mod.ts";
import type { ChatCompletion, ChatPiece } from "./chat_completion.ts";
import type { ChatRequest } from "./chat_request.ts";
import type { MessageTree } from "./message_tree.ts";
import type { SessionRequest } from "./session_request.ts";

/** How an episode's calls are sampled and recorded. */
export interface OpenEpisodeOptions {
  /** The seed that the seeds of all calls derive from, where a request brings none of its own. */
  readonly seed: number;
  /** Sampling where a request says nothing; where this says nothing, the policy itself. @default {{}} */
  readonly sampling?: Partial<Omit<Sampling, "seed">>;
  /** Sampling whatever a request says, such as temperature 0 in an evaluation. @default {{}} */
  readonly force?: Partial<Sampling>;
  /** Aborts the episode. */
  readonly signal?: AbortSignal;
  /** Where calls are recorded; a new tree where it is left out. */
  readonly tree?: TokenTree;
}

/** How one request of a session is served. */
export interface ChatOptions {
  /** Who asks; recorded with the calls. */
  readonly agent: string;
  /** Name of the adapter that is to reply. @default none: what the engine serves by itself */
  readonly adapter?: string;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Called with each piece of each reply as it is sampled. */
  readonly onPiece?: (piece: ChatPiece) => void;
}

/** One episode at the gateway: its address and key, its calls, its end. */
export interface EpisodeSession {
  /** Unguessable; part of the address. */
  readonly id: string;
  /** Ends in `/v1`; what agents use as base URL. */
  readonly baseUrl: string;
  /** Opens this episode alone, and dies with it; `KEY:AGENT` tells agents apart. */
  readonly apiKey: string;
  /** Model name that agents send; `NAME:AGENT` tells agents apart. */
  readonly model: string;
  /** Every call that was sampled; complete once the promise of `close` or `abort` has resolved. */
  readonly tree: TokenTree;
  /** The same calls as messages; those that were cut off are not among them. */
  readonly messages: MessageTree;
  /** The requests that were answered, or failed, in that order; none where nothing is recorded. */
  readonly requests: readonly SessionRequest[];
  /** Calls recorded so far. */
  readonly calls: number;
  /** When a request last came in or was answered, in milliseconds of the gateway's clock. */
  readonly lastActivity: number;
  /** Requests being served. */
  readonly inFlight: number;
  /** Ends the episode: its key dies, and what is still being sampled is cancelled. */
  close(): Promise<void>;
  /** Ends the episode for a reason, which is recorded with the calls that it cuts off. */
  abort(reason: string): Promise<void>;
  /**
   * Answers a chat completion request and records its calls, as if it had come by HTTP.
   *
   * @throws {ApiError} If the request cannot be served; what it sampled until then is recorded.
   */
  chat(request: ChatRequest, options: ChatOptions): Promise<ChatCompletion>;
  /**
   * Tokens of the prompt that `chat` would make of a request; nothing is sampled or recorded.
   *
   * @throws {ApiError} If the request cannot be served, or an endpoint would reply, which gives no tokens beforehand.
   */
  countTokens(
    request: ChatRequest,
    options: Pick<ChatOptions, "agent">,
  ): number;
}
