import { findChatTemplate } from "./_find_chat_template.ts";
import type { ChatTemplate } from "./chat_template.ts";
import { detectToolFormat } from "./detect_tool_format.ts";
import { loadModelWeights, type ModelWeights } from "./load_model_weights.ts";
import { loadTokenizer } from "./load_tokenizer.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { ToolFormat } from "./tool_format.ts";

/** A Hugging Face model folder, checked; its weights are still on the disk. */
export interface ModelFolder extends ModelWeights {
  /** The folder. */
  readonly path: string;
  /** Text to token ids and back. */
  readonly tokenizer: Tokenizer;
  /** Undefined: the folder has none, so the model continues text but cannot chat. */
  readonly template: ChatTemplate | undefined;
  /** Undefined: the template knows no tools. */
  readonly toolFormat: ToolFormat | undefined;
  /** Ids that end a turn or a text. */
  readonly eosIds: readonly number[];
}

/**
 * Opens a Hugging Face model folder and checks that its files fit one another.
 *
 * @throws {ModelError} If a file is missing, malformed or unsupported, a parameter is missing, of
 *   another shape or one too many, or a token has an id for which the embedding has no row.
 */
export async function loadModelFolder(path: string): Promise<ModelFolder> {
  const [tokenizer, template] = await Promise.all([
    loadTokenizer(path),
    findChatTemplate(path),
  ]);
  return {
    ...await loadModelWeights(path),
    path,
    tokenizer,
    template,
    toolFormat: template && detectToolFormat(template.toolText),
    eosIds: tokenizer.eosIds,
  };
}
