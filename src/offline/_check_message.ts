/**
 * What is wrong with a message of a conversation in OpenAI's form, beginning with the field's name; undefined where
 * nothing is. Other fields are the chat template's business.
 */
export function wrongOfMessage(value: unknown): string | undefined {
  if (!isObject(value)) return "must be an object";
  const { role, content, tool_calls } = value;
  if (typeof role !== "string") return ".role must be a text";
  if (!isContent(content)) {
    return ".content must be a text, null, or a list of parts with a type each";
  }
  if (tool_calls === undefined || tool_calls === null) return undefined;
  if (!Array.isArray(tool_calls)) return ".tool_calls must be a list";
  const wrong = tool_calls.findIndex((call) => !isCall(call));
  return wrong < 0
    ? undefined
    : `.tool_calls[${wrong}].function must have a name`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isContent(value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (typeof value === "string") return true;
  return Array.isArray(value) &&
    value.every((part) => isObject(part) && typeof part.type === "string");
}

function isCall(value: unknown): boolean {
  return isObject(value) && isObject(value.function) &&
    typeof value.function.name === "string";
}
