import type { ChatTemplate, Tokenizer, ToolFormat } from "../model/mod.ts";

/** What the gateway needs of a model: how its text becomes tokens and back. A `ModelFolder` has it. */
export interface ChatModel {
  /** Its tokens stand for bytes, so that every split of a text into tokens decodes to that text. */
  readonly tokenizer: Tokenizer;
  /** A model without one cannot be served here. */
  readonly template: ChatTemplate | undefined;
  /** Undefined where the model knows no tools; requests with tools are refused then. */
  readonly toolFormat: ToolFormat | undefined;
  /** Ids that end an assistant's turn. */
  readonly eosIds: readonly number[];
}
