import { DataError } from "../errors.ts";
import type { ChatMessage } from "../model/mod.ts";
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
  if (messages !== undefined) {
    return chat([], messages, { where, tools });
  }
  if (Array.isArray(prompt) && Array.isArray(completion)) {
    return chat(prompt, completion, { where, tools });
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

function chat(
  given: readonly unknown[],
  imitated: unknown,
  { where, tools }: {
    readonly where: string;
    readonly tools: readonly unknown[];
  },
): Example {
  const messages = [...given, ...Array.isArray(imitated) ? imitated : []];
  const from = given.length;
  const wrong = messages.findIndex((message) => !isMessage(message));
  if (wrong >= 0) {
    throw new DataError(`${where}: message ${wrong} must have a role`);
  }
  if (!messages.some(({ role }, at) => at >= from && role === "assistant")) {
    throw new DataError(
      `${where}: there is no message of the assistant to imitate`,
    );
  }
  return { kind: "chat", where, messages, tools, from };
}

function isMessage(value: unknown): value is ChatMessage {
  return typeof value === "object" && value !== null && "role" in value &&
    typeof value.role === "string";
}
