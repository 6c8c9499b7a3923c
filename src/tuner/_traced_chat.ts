import { type Place, traced } from "../telemetry/mod.ts";
import { usageOf } from "./_usage.ts";
import type { ChatCompletion } from "./chat_completion.ts";
import type { ChatRequest } from "./chat_request.ts";

/** What a call is part of. */
export interface TracedChat {
  /** Id of its session, one for each attempt at an episode. */
  readonly session: string;
  readonly agent: string;
  readonly within: Place;
}

/** Answers a chat request as a span that says what was asked for and what it took. */
export function tracedChat(
  { model, sampling }: ChatRequest,
  { session, agent, within }: TracedChat,
  answer: () => Promise<ChatCompletion>,
): Promise<ChatCompletion> {
  const { temperature, maxTokens } = sampling;
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "astuner",
    "gen_ai.request.model": model,
    "gen_ai.agent.name": agent,
    "gen_ai.conversation.id": session,
    ...(temperature !== undefined && {
      "gen_ai.request.temperature": temperature,
    }),
    ...(maxTokens !== undefined && { "gen_ai.request.max_tokens": maxTokens }),
  };
  const options = { attributes, client: true, within };
  return traced(`chat ${model}`, options, async (span) => {
    const completion = await answer();
    const { prompt, sampled } = usageOf(completion);
    span.set({
      "gen_ai.response.id": completion.id,
      "gen_ai.response.finish_reasons": completion.choices.map((choice) =>
        choice.finishReason
      ),
      "gen_ai.usage.input_tokens": prompt,
      "gen_ai.usage.output_tokens": sampled,
    });
    return completion;
  });
}
