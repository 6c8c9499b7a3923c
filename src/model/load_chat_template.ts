import { ModelError } from "../errors.ts";
import { findChatTemplate } from "./_find_chat_template.ts";
import type { ChatTemplate } from "./chat_template.ts";

/**
 * Reads the chat template of a Hugging Face model folder: `chat_template.jinja`, or else
 * `chat_template` in `tokenizer_config.json`; of several the one named `default`, and `tool_use` where there are tools.
 *
 * @throws {ModelError} If the folder has none, or it cannot be parsed.
 */
export async function loadChatTemplate(folder: string): Promise<ChatTemplate> {
  const template = await findChatTemplate(folder);
  if (template === undefined) {
    throw new ModelError(
      `${folder} has no chat template: add chat_template.jinja, or chat_template to tokenizer_config.json`,
    );
  }
  return template;
}
