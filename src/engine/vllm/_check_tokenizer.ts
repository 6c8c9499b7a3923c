import { UserError } from "../../errors.ts";
import type { Server } from "./_server.ts";
import { ServerError } from "./_server_error.ts";

/** A text and its tokens. */
export interface TokenizedText {
  readonly text: string;
  /** Without any that a tokenizer adds around a text. */
  readonly tokens: readonly number[];
}

/**
 * Makes sure that a server has the tokenizer of the model that is trained.
 *
 * @throws {UserError} If it sees other tokens in the text.
 */
export async function checkTokenizer(
  server: Server,
  { model, text, tokens }: TokenizedText & { readonly model: string },
): Promise<void> {
  try {
    const body = { model, prompt: text, add_special_tokens: false };
    const found = await server.json("/tokenize", { body }) as {
      readonly tokens?: readonly number[];
    };
    if (found.tokens?.join() === tokens.join()) return;
  } catch (error) {
    if (!(error instanceof ServerError)) throw error;
    throw new UserError(
      `Cannot use ${server.url} as engine: ${error.message}`,
      {
        cause: error,
      },
    );
  }
  throw new UserError(
    `vLLM at ${server.url} splits text into other tokens than model.path does: it serves another model; ` +
      "start it with the folder or name that model.path has",
  );
}
