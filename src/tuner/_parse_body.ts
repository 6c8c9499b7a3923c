import type { z } from "../deps/zod.ts";
import { ApiError } from "./api_error.ts";

/**
 * A request's body, or a part of it at `path`, as its schema has it.
 *
 * @throws {ApiError} 400, naming the field, and what is wrong with it.
 */
export function parseBody<T>(
  schema: z.ZodType<T>,
  body: unknown,
  path: readonly PropertyKey[] = [],
): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const param = fieldName([...path, ...issue.path]);
  const message = `${param || "The request body"}: ${issue.message}`;
  throw new ApiError(400, message, param ? { param } : {});
}

/** A path in the body as a reader would write it: `messages[0].role`. */
function fieldName(path: readonly PropertyKey[]): string {
  return path.map((key, depth) =>
    typeof key === "number" ? `[${key}]` : `${depth ? "." : ""}${String(key)}`
  ).join("");
}
