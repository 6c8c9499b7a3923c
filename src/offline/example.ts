import { DataError } from "../errors.ts";
import type { ChatMessage } from "../model/mod.ts";
import { wrongOfMessage } from "./_check_message.ts";
import type { JsonLine } from "./read_json_lines.ts";

/** Something to imitate: the assistant's messages of a conversation, or the continuation of a text. */
export type Example =
  & {
    /** `file:line`, for messages. */
    readonly where: string;
  }
  & (
    | {
      readonly kind: "chat";
      readonly messages: readonly ChatMessage[];
      /** Tools in OpenAI's form. */
      readonly tools: readonly unknown[];
      /** The assistant's messages from this index on are imitated. */
      readonly from: number;
    }
    | {
      readonly kind: "text";
      readonly prompt: string;
      readonly completion: string;
    }
  );

/**
 * Reads examples, a line each: `{"messages": […]}`, perhaps with `tools`, or `{"prompt": …, "completion": …}`, both
 * texts or both lists of messages.
 *
 * @throws {DataError} If a line is malformed, or there is none.
 */
export async function readExamples(
  lines: AsyncIterable<JsonLine>,
): Promise<readonly Example[]> {
  const examples = await Array.fromAsync(lines, exampleOf);
  if (examples.length > 0) return examples;
  throw new DataError("There are no examples: the input is empty");
}

function exampleOf({ fields, where }: JsonLine): Example {
  const { messages, prompt, completion, tools = [] } = fields;
  if (!Array.isArray(tools)) {
    throw new DataError(`${where}: tools must be a list`);
  }
  const wrong = tools.findIndex((tool) =>
    typeof tool !== "object" || tool === null
  );
  if (wrong >= 0) {
    throw new DataError(`${where}: tools[${wrong}] must be an object`);
  }
  if (messages !== undefined) {
    const imitated = conversation(messages, { where, field: "messages" });
    return chat([], imitated, { where, tools });
  }
  if (Array.isArray(prompt) && Array.isArray(completion)) {
    const given = conversation(prompt, { where, field: "prompt" });
    const imitated = conversation(completion, { where, field: "completion" });
    return chat(given, imitated, { where, tools });
  }
  if (typeof prompt === "string" && typeof completion === "string") {
    if (completion !== "" && prompt !== "") {
      return { kind: "text", where, prompt, completion };
    }
    throw new DataError(`${where}: prompt and completion must not be empty`);
  }
  throw new DataError(
    `${where}: a line must hold messages, or prompt and completion (both texts or both lists of messages)`,
  );
}

function conversation(
  value: unknown,
  { where, field }: { readonly where: string; readonly field: string },
): readonly ChatMessage[] {
  if (!Array.isArray(value)) {
    throw new DataError(`${where}: ${field} must be a list of messages`);
  }
  for (const [at, message] of value.entries()) {
    const wrong = wrongOfMessage(message);
    if (wrong !== undefined) {
      const gap = wrong.startsWith(".") ? "" : " ";
      throw new DataError(`${where}: ${field}[${at}]${gap}${wrong}`);
    }
  }
  return value;
}

function chat(
  given: readonly ChatMessage[],
  imitated: readonly ChatMessage[],
  { where, tools }: {
    readonly where: string;
    readonly tools: readonly unknown[];
  },
): Example {
  if (!imitated.some(({ role }) => role === "assistant")) {
    throw new DataError(
      `${where}: there is no message of the assistant to imitate`,
    );
  }
  const messages = [...given, ...imitated];
  return { kind: "chat", where, messages, tools, from: given.length };
}
