import { DataError } from "../errors.ts";
import type { Split, Task, TaskMessage } from "./task.ts";

/** A row that has been checked; its split may still be open. */
export interface CheckedTask extends Omit<Task, "split"> {
  /** What the row says of its split, if anything. */
  readonly split?: Split;
}

/** How a row is read. */
export interface ToTaskOptions {
  /** `file:line`, for messages. */
  readonly where: string;
  /** The task's id where the row has none. */
  readonly defaultId: string;
  /** Name of the field that says the split. */
  readonly splitKey: string;
}

const ROLES: readonly string[] = ["system", "user", "assistant", "tool"];

/**
 * Checks one row and makes a task of it; fields that it does not know become metadata.
 *
 * @throws {DataError} If a field has the wrong type, or neither `query` nor `messages` is there.
 */
export function toTask(row: unknown, options: ToTaskOptions): CheckedTask {
  const { where, defaultId, splitKey } = options;
  if (!isRecord(row)) {
    throw new DataError(
      `${where}: each line must be a JSON object, this one is ${describe(row)}`,
    );
  }
  const { id, query, messages, metadata, [splitKey]: split, ...rest } = row;
  const checkedMessages = toMessages(messages, where);
  const checkedSplit = toSplit(split, `${where}: "${splitKey}"`);
  return {
    id: toId(id, where) ?? defaultId,
    query: toQuery(query, checkedMessages, where),
    ...(checkedMessages && { messages: checkedMessages }),
    metadata: { ...rest, ...toMetadata(metadata, rest, where) },
    ...(checkedSplit && { split: checkedSplit }),
  };
}

function toId(id: unknown, where: string): string | undefined {
  if (id === undefined || id === null) return undefined;
  if (typeof id === "string" || typeof id === "number") return String(id);
  throw new DataError(
    `${where}: "id" must be a string or a number, not ${describe(id)}`,
  );
}

function toQuery(
  query: unknown,
  messages: readonly TaskMessage[] | undefined,
  where: string,
): string {
  if (typeof query === "string") return query;
  if (query !== undefined && query !== null) {
    throw new DataError(
      `${where}: "query" must be a string, not ${describe(query)}`,
    );
  }
  if (messages !== undefined) {
    return messages.findLast(({ role }) => role === "user")?.content ?? "";
  }
  throw new DataError(
    `${where}: the task has neither "query" nor "messages". Name the field that holds the ` +
      `question "query"`,
  );
}

function toMessages(
  messages: unknown,
  where: string,
): TaskMessage[] | undefined {
  if (messages === undefined || messages === null) return undefined;
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new DataError(
      `${where}: "messages" must be a list of at least one message, not ${
        describe(messages)
      }`,
    );
  }
  return messages.map((message, index) => {
    const at = `${where}: messages[${index}]`;
    if (!isRecord(message)) {
      throw new DataError(`${at} must be an object, not ${describe(message)}`);
    }
    const { role, content } = message;
    if (typeof role !== "string" || !ROLES.includes(role)) {
      throw new DataError(
        `${at}.role must be one of ${ROLES.join(", ")}, not ${describe(role)}`,
      );
    }
    if (typeof content !== "string") {
      throw new DataError(
        `${at}.content must be a string, not ${describe(content)}`,
      );
    }
    return { role: role as TaskMessage["role"], content };
  });
}

function toMetadata(
  metadata: unknown,
  rest: Readonly<Record<string, unknown>>,
  where: string,
): Readonly<Record<string, unknown>> {
  if (metadata === undefined || metadata === null) return {};
  if (!isRecord(metadata)) {
    throw new DataError(
      `${where}: "metadata" must be an object, not ${describe(metadata)}`,
    );
  }
  const twice = Object.keys(metadata).find((key) => Object.hasOwn(rest, key));
  if (twice !== undefined) {
    throw new DataError(
      `${where}: "${twice}" stands both beside and inside "metadata". Keep one of them`,
    );
  }
  return metadata;
}

function toSplit(split: unknown, at: string): Split | undefined {
  if (split === undefined || split === null) return undefined;
  if (split === "train" || split === "validation") return split;
  throw new DataError(
    `${at} must be "train" or "validation", not ${describe(split)}`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value in a few words, for messages. */
function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) {
    return value.length === 0 ? "an empty list" : "a list";
  }
  if (typeof value === "object") return "an object";
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : String(value);
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}
