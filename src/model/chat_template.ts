import { Template } from "../deps/jinja.ts";
import { ModelError, UserError } from "../errors.ts";
import type { ChatMessage, ChatToolCall } from "./chat.ts";

/** What a chat template needs beside its source. */
export interface ChatTemplateOptions {
  /**
   * Variables that every rendering sees, such as `bos_token` and `eos_token`.
   * @default {}
   */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** What error messages call the template. @default "chat_template" */
  readonly source?: string;
  /** Source of the one for conversations with tools, where the model has two. @default the same */
  readonly toolText?: string;
}

/** How one conversation is rendered. */
export interface RenderOptions {
  /** Tools in OpenAI's form, `{type: "function", function: {name, …}}`. @default [] */
  readonly tools?: readonly unknown[];
  /** Ends the text with the opening of an assistant's turn. @default false */
  readonly addGenerationPrompt?: boolean;
  /**
   * Further variables, such as `enable_thinking` (`chat_template_kwargs` of OpenAI-compatible
   * servers). @default {}
   */
  readonly variables?: Readonly<Record<string, unknown>>;
}

/** A model's own chat template (Jinja), parsed once. */
export class ChatTemplate {
  /** The template's text. */
  readonly text: string;
  /** That of the template for conversations with tools, mostly the same. */
  readonly toolText: string;
  readonly #template: Template;
  readonly #toolTemplate: Template;
  readonly #variables: Readonly<Record<string, unknown>>;
  readonly #source: string;
  /** Whether calls are only let through with ids of nine letters or digits, as Mistral has them. */
  readonly #shortIds: boolean;

  /**
   * Parses a template.
   *
   * @throws {ModelError} If it cannot be parsed.
   */
  constructor(text: string, options: ChatTemplateOptions = {}) {
    const { variables = {}, source = "chat_template", toolText = text } =
      options;
    this.text = text;
    this.toolText = toolText;
    this.#variables = variables;
    this.#source = source;
    this.#shortIds = /\|\s*length\s*!=\s*9\b/.test(text + toolText);
    this.#template = parse(text, source);
    this.#toolTemplate = toolText === text
      ? this.#template
      : parse(toolText, `${source} for tools`);
  }

  /**
   * The text the model sees for a conversation.
   *
   * Messages are given the form that templates of Hugging Face models are written for: a missing
   * content is empty, text parts are joined by newlines (as vLLM does), the JSON text of a tool
   * call's arguments is parsed, and ids of tool calls are cut to what Mistral's templates demand.
   *
   * @throws {UserError} If the template refuses the messages (its `raise_exception`) or fails on
   *   them, or a tool call's arguments are not a JSON object.
   */
  render(
    messages: readonly ChatMessage[],
    options: RenderOptions = {},
  ): string {
    const { tools = [], addGenerationPrompt = false, variables = {} } = options;
    const values = {
      documents: null,
      ...this.#variables,
      ...variables,
      messages: messages.map(templateMessage)
        .map((message) => this.#shortIds ? withShortIds(message) : message),
      tools: tools.length > 0 ? tools : null,
      add_generation_prompt: addGenerationPrompt,
    };
    try {
      const { length } = tools;
      return (length > 0 ? this.#toolTemplate : this.#template).render(values);
    } catch (cause) {
      throw new UserError(
        `${this.#source} cannot render these messages: ${messageOf(cause)}`,
        { cause },
      );
    }
  }
}

function parse(text: string, source: string): Template {
  try {
    return new Template(text);
  } catch (cause) {
    throw new ModelError(`${source} cannot be parsed: ${messageOf(cause)}`, {
      cause,
    });
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function templateMessage(
  message: ChatMessage,
  index: number,
): Readonly<Record<string, unknown>> {
  const { content, tool_calls, ...rest } = message;
  return {
    ...rest,
    content: plainText(content, index),
    ...(tool_calls?.length && {
      tool_calls: tool_calls.map((call) => templateToolCall(call, index)),
    }),
  };
}

/** The message with the last nine letters or digits of its ids: those that tell them apart. */
function withShortIds(
  message: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { tool_calls, tool_call_id } = message;
  return {
    ...message,
    ...(Array.isArray(tool_calls) && {
      tool_calls: tool_calls.map((call) => ({ ...call, id: shortId(call.id) })),
    }),
    ...(tool_call_id !== undefined && { tool_call_id: shortId(tool_call_id) }),
  };
}

function shortId(id: unknown): string {
  return `${id ?? ""}`.replaceAll(/[^a-zA-Z0-9]/g, "").slice(-9)
    .padStart(9, "0");
}

function plainText(content: ChatMessage["content"], index: number): string {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  return content.map((part) => {
    if (part.type !== "text" || typeof part.text !== "string") {
      throw new UserError(
        `messages[${index}].content has a part of type ${
          JSON.stringify(part.type)
        }; only text parts are supported`,
      );
    }
    return part.text;
  }).join("\n");
}

function templateToolCall(call: ChatToolCall, index: number): unknown {
  const { arguments: given, ...rest } = call.function;
  return {
    ...call,
    function: { ...rest, arguments: toolArguments(given, index) },
  };
}

function toolArguments(given: unknown, index: number): unknown {
  if (typeof given !== "string") return given ?? {};
  if (given.trim() === "") return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(given);
  } catch {
    parsed = undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw new UserError(
      `messages[${index}].tool_calls: the arguments must be the JSON text of an object, got ${
        JSON.stringify(given)
      }`,
    );
  }
  return parsed;
}
