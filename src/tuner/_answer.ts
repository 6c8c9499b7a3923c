import type { ServerResponse } from "node:http";
import type { Tokenizer } from "../model/mod.ts";
import type { Dialect } from "./_dialect.ts";
import { eventStream } from "./_event_stream.ts";
import { readJson } from "./_read_json.ts";
import { toApiError } from "./_to_api_error.ts";
import type { AdapterHost } from "./adapter_host.ts";
import { ApiError } from "./api_error.ts";
import type { ChatCompletion, ChatPiece } from "./chat_completion.ts";
import type { ChatOptions, EpisodeSession } from "./episode_session.ts";

/** Tells agents apart where neither the model's name nor the key does. */
const AGENT_HEADER = "x-astuner-agent";
const LONGEST_AGENT_NAME = 128;

/** Who asks. */
export interface Caller {
  readonly session: EpisodeSession;
  /** The agent that the key names, if it does. */
  readonly agent?: string;
  /** Adapters that may be asked for by their names in place of the session's model. */
  readonly adapters?: AdapterHost | undefined;
}

/** How requests for a reply are answered. */
export interface AnswerOptions {
  /** Takes an answer that is streamed. */
  readonly outgoing: ServerResponse;
  /** How the request is read and the answer written. */
  readonly dialect: Dialect;
  readonly tokenizer: Tokenizer | undefined;
  readonly maxBodyBytes: number;
  /** Runs what is expensive, or refuses to where too much is running. */
  readonly limit: <T>(run: () => Promise<T>) => Promise<T>;
  readonly now: () => number;
  /** Told of bugs. */
  readonly onError: (error: unknown) => void;
}

/**
 * Answers a request for a reply, streamed or not; a client that goes away cancels it.
 *
 * @throws {ApiError} If the request is refused, or fails before a stream has begun.
 */
export async function answer(
  request: Request,
  caller: Caller,
  options: AnswerOptions,
): Promise<Response> {
  const { outgoing, dialect, limit, tokenizer, now, onError } = options;
  const { session } = caller;
  const created = Math.floor(now() / 1000);
  const body = await readJson(request, options.maxBodyBytes);
  const asked = dialect.read(body, { tokenizer, created, session });
  const { chat } = asked;
  const addressee = addresseeOf(request, chat.model, caller);
  const { signal } = request;

  function complete(
    onPiece?: (piece: ChatPiece) => void,
  ): Promise<ChatCompletion> {
    const serving = {
      ...addressee,
      signal,
      ...(onPiece && { onPiece }),
    };
    return limit(() => session.chat(chat, serving));
  }

  if (!chat.stream) return Response.json(asked.answer(await complete()));
  const writer = asked.stream();
  return eventStream(outgoing, {
    async run(send) {
      return writer.end(
        await complete((piece) => {
          for (const event of writer.piece(piece)) send(event);
        }),
      );
    },
    errorEvent: (error) => writer.error(toApiError(error, onError)),
    last: writer.last,
  });
}

/**
 * The agent that asks, and the adapter that `model` names, if it does.
 *
 * @throws {ApiError} 404 if there is no such model, 400 if the agent's name is too long.
 */
export function addresseeOf(
  request: Request,
  model: string,
  caller: Caller,
): Pick<ChatOptions, "agent" | "adapter"> {
  if (!caller.adapters?.loaded.has(model)) {
    return { agent: agentName(request, model, caller) };
  }
  const agent = agentName(request, caller.session.model, caller);
  return { agent, adapter: model };
}

function agentName(
  request: Request,
  model: string,
  { session, agent }: Caller,
): string {
  const named = model.startsWith(`${session.model}:`)
    ? model.slice(session.model.length + 1)
    : "";
  if (named === "" && model !== session.model) {
    throw new ApiError(
      404,
      `There is no model ${
        JSON.stringify(model)
      } here: use "${session.model}", or "${session.model}:AGENT" to tell agents apart`,
      { param: "model", code: "model_not_found" },
    );
  }
  const name = request.headers.get(AGENT_HEADER) || named || agent || "default";
  if (name.length <= LONGEST_AGENT_NAME) return name;
  throw new ApiError(
    400,
    `An agent's name has at most ${LONGEST_AGENT_NAME} characters, this one has ${name.length}`,
    { param: "model" },
  );
}
