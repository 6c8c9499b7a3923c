import { ModelError } from "../errors.ts";
import { isObject, type JsonObject } from "./_files.ts";

/** Contents of the files that give tokens their ids, as far as there are any. */
export interface TokenFiles {
  readonly "tokenizer.json": JsonObject;
  readonly "tokenizer_config.json": JsonObject | undefined;
  readonly "generation_config.json": JsonObject | undefined;
  readonly "config.json": JsonObject | undefined;
}

/**
 * Checks that the model has a row of its embedding for every token id.
 *
 * @throws {ModelError} If `vocab_size` of `config.json` is not above each, with the file and the field of one that is.
 */
export function checkTokenIds(folder: string, files: TokenFiles): void {
  const size = files["config.json"]?.vocab_size;
  if (typeof size !== "number") return; // a tokenizer alone
  for (const { file, field, token, id } of tokenIds(files)) {
    if (typeof id === "number" && id < size) continue;
    const named = token === undefined ? "" : ` of ${JSON.stringify(token)}`;
    throw new ModelError(
      `${folder}/${file}: ${field} has the token id ${id}${named}, but vocab_size in config.json is ${size}, so the embedding has no row for it`,
    );
  }
}

interface Named {
  readonly file: keyof TokenFiles;
  readonly field: string;
  /** Text of the token, where it is said beside its id. */
  readonly token?: unknown;
  readonly id: unknown;
}

function* tokenIds(files: TokenFiles): Generator<Named> {
  const json = files["tokenizer.json"];
  const vocab = isObject(json.model) ? json.model.vocab : undefined;
  if (isObject(vocab)) {
    for (const [token, id] of Object.entries(vocab)) {
      yield { file: "tokenizer.json", field: "model.vocab", token, id };
    }
  }
  const added = Array.isArray(json.added_tokens) ? json.added_tokens : [];
  for (const { content: token, id } of added.filter(isObject)) {
    yield { file: "tokenizer.json", field: "added_tokens", token, id };
  }
  const decoder = files["tokenizer_config.json"]?.added_tokens_decoder;
  for (const [id, token] of Object.entries(isObject(decoder) ? decoder : {})) {
    yield {
      file: "tokenizer_config.json",
      field: "added_tokens_decoder",
      token: isObject(token) ? token.content : token,
      id: Number(id),
    };
  }
  for (const file of ["generation_config.json", "config.json"] as const) {
    const ids = [files[file]?.eos_token_id ?? []].flat();
    for (const id of ids) yield { file, field: "eos_token_id", id };
  }
}
