import type { ServeConfig } from "../config/mod.ts";
import type { ChatMessage } from "../model/mod.ts";
import { Gateway, parseChatRequest } from "../tuner/mod.ts";
import { openModel } from "./_open_model.ts";
import { samplingOf } from "./_sampling.ts";

/** How one message is answered. */
export interface SayOptions {
  /** Called with each piece of the reply as it is sampled. */
  readonly onText?: (text: string) => void;
  /** Cuts the reply off. */
  readonly signal?: AbortSignal;
}

/** A conversation with a model; dispose of it to let the model go. */
export interface Chat extends AsyncDisposable {
  readonly model: string;
  /**
   * Says something and waits for the reply; a call of a tool is part of its text.
   *
   * @throws {ApiError} If the conversation has outgrown the context, or was cut off.
   */
  say(text: string, options?: SayOptions): Promise<string>;
}

/**
 * Opens a conversation with the model of `config`.
 *
 * @param signal Gives the opening up.
 * @throws {UserError} If the model cannot be opened.
 * @throws The reason of `signal`, where a server is waited for that is started.
 */
export async function openChat(
  config: ServeConfig,
  signal?: AbortSignal,
): Promise<Chat> {
  await using opening = new AsyncDisposableStack();
  const { engine, chat } = opening.use(
    await openModel(config, { trained: false, signal }),
  );
  const gateway = opening.use(
    await Gateway.start({ engine, model: chat }),
  );
  const session = gateway.openEpisode({
    seed: config.seed,
    sampling: samplingOf(config),
  });
  const messages: ChatMessage[] = [];
  const open = opening.move();
  return {
    model: engine.info.model,
    async say(text, { onText, signal = new AbortController().signal } = {}) {
      const asked: ChatMessage = { role: "user", content: text };
      const { choices } = await session.chat(
        parseChatRequest({
          model: session.model,
          messages: [...messages, asked],
        }),
        {
          agent: "default",
          signal,
          onPiece: ({ content }) => onText?.(content),
        },
      );
      const { content } = choices[0]!;
      messages.push(asked, { role: "assistant", content });
      return content;
    },
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}
