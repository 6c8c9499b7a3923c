import type { Sampling } from "../engine/mod.ts";
import { UserError } from "../errors.ts";
import { chatBodies } from "./_endpoint_request.ts";
import { type EndpointReply, readReply } from "./endpoint_reply.ts";
import { refusedByEndpoint } from "./_endpoint_error.ts";
import { fetchReason } from "../fetch_reason.ts";
import { ApiError } from "./api_error.ts";
import type { ChatPiece } from "./chat_completion.ts";
import type { ChatRequest } from "./chat_request.ts";

/** Where a server of OpenAI's chat completions is, and how it is spoken to. */
export interface ChatEndpointOptions {
  /** Base URL, which ends in `/v1` at most servers. */
  readonly url: string;
  /** Name under which the server knows the model. */
  readonly model: string;
  /** Sent as bearer token. @default none */
  readonly apiKey?: string | undefined;
}

/** How one request is passed on. */
export interface EndpointChatOptions {
  /** Sampling, whatever the request says of it. */
  readonly sampling: Partial<Sampling>;
  readonly signal: AbortSignal;
  /** Called with each piece of each reply as it comes. */
  readonly onPiece?:
    | ((piece: Omit<ChatPiece, "id">) => void)
    | undefined;
}

/** Statuses by which servers refuse a field that they do not know. */
const REFUSALS = [400, 422];

/**
 * A server of OpenAI's chat completions, in place of an engine: messages go in and come out.
 *
 * It is asked for token ids and logprobs as vLLM gives them; where it refuses the fields, or ignores
 * them, its replies come without.
 */
export class ChatEndpoint {
  /** Name under which the server knows the model. */
  readonly model: string;
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** Which form of a request the server is known to take. */
  #form: number | undefined;

  /** An endpoint at `options.url`; nothing is sent yet. */
  constructor({ url, model, apiKey }: ChatEndpointOptions) {
    this.model = model;
    this.#url = url.replace(/\/+$/, "");
    this.#headers = {
      "Content-Type": "application/json",
      ...(apiKey !== undefined && { Authorization: `Bearer ${apiKey}` }),
    };
  }

  /**
   * Sees that a server is there and takes the key.
   *
   * @param options.listed Whether the model must be among those that the server lists, if it lists any.
   * @throws {UserError} If not.
   */
  async check(
    { listed = false }: { readonly listed?: boolean } = {},
  ): Promise<void> {
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.#url}/models`, { headers: this.#headers });
      text = await response.text();
    } catch (cause) {
      throw new UserError(
        `Cannot reach engine.url ${this.#url}: ${fetchReason(cause)}`,
        { cause },
      );
    }
    const { status } = response;
    if (status === 401 || status === 403) {
      throw new UserError(
        `${this.#url} refuses the key (${status}): name the environment variable that holds the right one in engine.api_key_env`,
      );
    }
    if (status === 404 && new URL(this.#url).pathname === "/") {
      throw new UserError(
        `${this.#url} has no /models (404): engine.url ends in /v1 at most servers`,
      );
    }
    const served = modelsIn(text);
    if (!listed || served.length === 0 || served.includes(this.model)) return;
    const some = served.slice(0, 10).join(", ");
    throw new UserError(
      `${this.#url} does not list a model "${this.model}": set engine.model to one of its own, such as ${some}`,
    );
  }

  /**
   * Passes a request on.
   *
   * @throws {ApiError} If the server cannot be reached, refuses it, or breaks off.
   */
  async chat(
    request: ChatRequest,
    { sampling, signal, onPiece }: EndpointChatOptions,
  ): Promise<EndpointReply> {
    const response = await this.#send(request, sampling, signal);
    try {
      return await readReply(response, onPiece);
    } catch (cause) {
      if (cause instanceof ApiError || signal.aborted) throw cause;
      const reason = fetchReason(cause);
      throw new ApiError(503, `${this.#url} broke its reply off: ${reason}`, {
        cause,
      });
    }
  }

  /** Sends the richest form of the request that the server takes. */
  async #send(
    request: ChatRequest,
    sampling: Partial<Sampling>,
    signal: AbortSignal,
  ): Promise<Response> {
    const bodies = chatBodies(request, { model: this.model, sampling });
    for (let form = this.#form ?? 0;; form++) {
      const response = await this.#post(bodies[form], signal);
      if (response.ok) {
        this.#form = form;
        return response;
      }
      const last = this.#form !== undefined || form + 1 >= bodies.length;
      if (last || !REFUSALS.includes(response.status)) {
        throw await refusedByEndpoint(response, this.#url);
      }
      await response.body?.cancel();
    }
  }

  async #post(body: unknown, signal: AbortSignal): Promise<Response> {
    try {
      return await fetch(`${this.#url}/chat/completions`, {
        method: "POST",
        headers: this.#headers,
        body: JSON.stringify(body),
        signal,
      });
    } catch (cause) {
      if (signal.aborted) throw cause;
      throw new ApiError(
        503,
        `Cannot reach ${this.#url}: ${fetchReason(cause)}`,
        { cause },
      );
    }
  }
}

/** Names in a list of models; none where the text is no such list. */
function modelsIn(text: string): string[] {
  try {
    const { data } = JSON.parse(text) as { data?: { id?: unknown }[] };
    return (data ?? []).map(({ id }) => id).filter((id) =>
      typeof id === "string"
    );
  } catch {
    return [];
  }
}
