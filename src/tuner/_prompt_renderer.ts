import { ModelError, UserError } from "../errors.ts";
import type { ChatMessage, ChatTemplate } from "../model/mod.ts";
import { HistoryJoiner, type PromptLink } from "./_history_joiner.ts";
import { PieceEncoder, PromptBuilder } from "./_prompt_builder.ts";
import type { SampleMemory } from "./_sample_memory.ts";
import {
  bareMarks,
  historyMark,
  type SplitHistory,
  splitHistory,
} from "./_split_history.ts";
import { ApiError } from "./api_error.ts";
import type { ChatModel } from "./chat_model.ts";

/** What a prompt is rendered from. */
export interface Conversation {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly unknown[];
  /** The beginning of a tool call to open the reply with; empty for none. */
  readonly forced: string;
  readonly agent: string;
  /** What the episode has sampled; left out where every message is rendered afresh. */
  readonly memory?: SampleMemory | undefined;
}

/** A prompt to the token. */
export interface Prompt {
  readonly tokens: readonly number[];
  /** Identity of all tokens but `lead`. */
  readonly before: string;
  /** Identity of all tokens. */
  readonly key: string;
  /** The last tokens, which already belong to the reply: a template's opening, a forced call. */
  readonly lead: readonly number[];
  readonly leadText: string;
  /** The forced beginning of a tool call, with which `leadText` ends; empty for none. */
  readonly forced: string;
  readonly link: PromptLink;
}

/**
 * Renders conversations with a model's own chat template, using the ids of sampled messages again.
 *
 * A conversation is rendered twice, once with a mark in place of each assistant's message. Where the
 * two agree apart from those messages, each one that was sampled is put in as its ids, so that the
 * engine sees what it sampled, whatever the template or the agent does to spacing. Text is encoded
 * between the sampled messages only, and from a cache: a call costs what is new in it.
 */
export class PromptRenderer {
  readonly #template: ChatTemplate;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #encoder: PieceEncoder;
  readonly #joiner: HistoryJoiner;
  /** What the template opens a reply with and does not write in a history, such as `<think>`. */
  readonly #opening: string;
  /** What calls begin with, where the template writes them otherwise than content. */
  readonly #callOpening: string | undefined;
  /** Texts that end a turn. */
  readonly #endings: readonly string[];

  /**
   * @param variables Further variables of the template, such as `enable_thinking`.
   * @throws {ModelError} If the model has no chat template.
   */
  constructor(
    model: ChatModel,
    variables: Readonly<Record<string, unknown>> = {},
  ) {
    this.#template = usedTemplate(model);
    this.#variables = variables;
    this.#encoder = new PieceEncoder(model.tokenizer);
    this.#joiner = new HistoryJoiner(model);
    this.#opening = this.#replyOpening();
    this.#callOpening = model.toolFormat?.opening;
    this.#endings = model.eosIds.map((id) =>
      model.tokenizer.decode([id], { continues: true })
    ).filter((text) => text !== "");
  }

  /** @throws {ApiError} 400 if the template refuses the messages, or writes nothing. */
  render(given: Conversation): Prompt {
    const conversation = asSampled(given);
    const rendered = this.#renderChecked(conversation);
    const builder = new PromptBuilder(this.#encoder);
    const { tail, link } = this.#joinHistory(builder, rendered, conversation);

    const opening = tail.endsWith(this.#opening) ? this.#opening : "";
    const { forced } = conversation;
    const leadText = opening + forced;
    builder.addText(tail.slice(0, tail.length - opening.length));
    const before = builder.key();
    const lead = builder.addPiece(leadText);
    if (builder.tokens.length === 0) {
      throw new ApiError(
        400,
        "The chat template makes nothing of these messages",
        { param: "messages" },
      );
    }
    return {
      tokens: builder.tokens,
      before,
      key: builder.key(),
      lead,
      leadText,
      forced,
      link,
    };
  }

  #renderChecked({ messages, tools }: Conversation): string {
    try {
      return this.#renderText(messages, tools);
    } catch (cause) {
      if (!(cause instanceof UserError)) throw cause;
      throw new ApiError(400, cause.message, { param: "messages", cause });
    }
  }

  #joinHistory(
    builder: PromptBuilder,
    rendered: string,
    conversation: Conversation,
  ): { readonly tail: string; readonly link: PromptLink } {
    const { messages, memory, agent } = conversation;
    const places = messages.flatMap(({ role }, at) =>
      role === "assistant" ? [at] : []
    );
    if (memory === undefined || memory.isEmpty || places.length === 0) {
      return { tail: rendered, link: {} };
    }
    const split = this.#split(rendered, conversation, places.length);
    if (split !== undefined) {
      const history = { ...split, messages, places, memory, agent };
      return this.#joiner.join(builder, history);
    }
    const sampled = places.some((at) =>
      memory.recall(messages[at]!).length > 0
    );
    const rewrite =
      "the chat template looks at what the assistant's messages say, so they cannot be put in as sampled";
    return { tail: rendered, link: sampled ? { rewrite } : {} };
  }

  #renderText(
    messages: readonly ChatMessage[],
    tools: readonly unknown[],
  ): string {
    return this.#template.render(messages, {
      tools,
      addGenerationPrompt: true,
      variables: this.#variables,
    });
  }

  #split(
    rendered: string,
    { messages, tools }: Conversation,
    count: number,
  ): SplitHistory | undefined {
    const render = (messages: readonly ChatMessage[]) =>
      refusable(() => this.#renderText(messages, tools));
    const plain = render(marked(messages, plainMark));
    const split = plain && splitHistory(rendered, plain, count);
    if (split || this.#callOpening === undefined) return split || undefined;
    // Templates that tell calls from content are shown calls with marks for names.
    const called = render(marked(messages, callMark));
    const bare = called && bareMarks(called, {
      opening: this.#callOpening,
      endings: this.#endings,
    });
    return bare ? splitHistory(rendered, bare, count) : undefined;
  }

  #replyOpening(): string {
    const user = { role: "user", content: "Hello" };
    const reply = { role: "assistant", content: historyMark(0) };
    return refusable(() => {
      const opened = this.#renderText([user], []);
      const written = this.#renderText([user, reply, user], []);
      const at = written.indexOf(historyMark(0));
      return at > 0 && opened.startsWith(written.slice(0, at))
        ? opened.slice(at)
        : "";
    }) ?? "";
  }
}

/** Puts messages with reasoning back as they were sampled, which may have come apart on their way. */
function asSampled(conversation: Conversation): Conversation {
  const { memory, messages } = conversation;
  if (memory === undefined || memory.isEmpty) return conversation;
  return {
    ...conversation,
    messages: messages.map((message) => {
      const { role, content } = message;
      const reasoned = role === "assistant" && typeof content === "string" &&
        content.includes("</think>");
      const sampled = reasoned ? memory.recall(message)[0] : undefined;
      const whole = sampled?.message.content;
      return whole === undefined ? message : { ...message, content: whole };
    }),
  };
}

/** Messages with others in place of the assistant's. */
function marked(
  messages: readonly ChatMessage[],
  mark: (message: ChatMessage, index: number) => ChatMessage,
): ChatMessage[] {
  let count = 0;
  return messages.map((message) =>
    message.role === "assistant" ? mark(message, count++) : message
  );
}

function plainMark({ role }: ChatMessage, index: number): ChatMessage {
  return { role, content: historyMark(index) };
}

/** A call stays one, so that the template treats it as one. */
function callMark(message: ChatMessage, index: number): ChatMessage {
  const [call] = message.tool_calls ?? [];
  if (call === undefined) return plainMark(message, index);
  const name = historyMark(index);
  return {
    role: message.role,
    tool_calls: [{ ...call, function: { name, arguments: "{}" } }],
  };
}

function usedTemplate({ template }: ChatModel): ChatTemplate {
  if (template !== undefined) return template;
  throw new ModelError(
    "The model has no chat template, so it cannot chat: add chat_template.jinja to its folder",
  );
}

/** What `render` gives, or undefined where the template refuses the messages. */
function refusable(render: () => string): string | undefined {
  try {
    return render();
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
