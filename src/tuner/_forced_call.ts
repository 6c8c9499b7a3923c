import type { ToolFormat } from "../model/mod.ts";
import { ApiError } from "./api_error.ts";
import type { ToolChoice } from "./chat_request.ts";

/**
 * The text a reply is opened with so that it must be a tool call, of the named tool where one is
 * named; empty where nothing is forced.
 *
 * It ends before a space, since tokenizers join the space with the word that the model writes next.
 * That a call follows is certain; that it is well formed remains the model's doing.
 *
 * @throws {ApiError} 400 if the model's tool-call format cannot be opened this way.
 */
export function forcedCall(
  choice: ToolChoice,
  format: ToolFormat | undefined,
): string {
  if (choice.kind !== "required") return "";
  if (format?.name !== "hermes") {
    throw new ApiError(
      400,
      'tool_choice cannot be enforced for this model: use "auto"',
      { param: "tool_choice" },
    );
  }
  const start = '<tool_call>\n{"name":';
  return choice.name === undefined
    ? start
    : `${start} ${JSON.stringify(choice.name)}, "arguments":`;
}
