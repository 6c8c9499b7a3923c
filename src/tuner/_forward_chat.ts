import type { Sampling } from "../engine/mod.ts";
import type { Call } from "../tracker/mod.ts";
import type { ChatCallOptions } from "./_chat_call.ts";
import type { EndpointReply } from "./endpoint_reply.ts";
import type { ChatChoice, ChatCompletion } from "./chat_completion.ts";
import type { ChatEndpoint } from "./chat_endpoint.ts";

/** A request that is passed on, with what its session adds. */
export type ForwardChatOptions = Pick<
  ChatCallOptions,
  "request" | "id" | "agent" | "defaults" | "force" | "signal" | "onPiece"
>;

/** What became of a request that was passed on. */
export interface ForwardedChat {
  readonly completion: ChatCompletion;
  /** What the tracker records, in the order of the completion's choices. */
  readonly calls: readonly Call[];
}

const NO_IDS = "the endpoint gave no token ids";

/** Has an endpoint answer a request; the calls have token ids where the endpoint gives them. */
export async function forwardChat(
  endpoint: ChatEndpoint,
  options: ForwardChatOptions,
): Promise<ForwardedChat> {
  const { request, id, signal, onPiece } = options;
  const sampling: Partial<Sampling> = {
    ...options.defaults,
    ...request.sampling,
    ...options.force,
  };
  const reply = await endpoint.chat(request, {
    sampling,
    signal,
    onPiece: onPiece && ((piece) => onPiece({ ...piece, id })),
  });
  const { choices, promptTokens, sampledTokens, prompt } = reply;
  return {
    completion: {
      id,
      choices,
      promptTokens,
      sampledTokens,
      ...(prompt && { prompt }),
    },
    calls: choices.map((choice) => ({
      id: request.n > 1 ? `${id}-${choice.index}` : id,
      agent: options.agent,
      temperature: sampling.temperature ?? 1,
      finishReason: choice.finishReason === "length" ? "length" : "stop",
      policyVersion: 0,
      ...tokensOf(choice, reply),
    })),
  };
}

function tokensOf(
  { tokens, logprobs }: ChatChoice,
  { prompt }: EndpointReply,
): Pick<Call, "prompt" | "tokens" | "logprobs" | "untrainable"> {
  return prompt !== undefined && tokens.length > 0
    ? { prompt, tokens, logprobs }
    : { prompt: [], tokens: [], logprobs: [], untrainable: NO_IDS };
}
