import { ModelError } from "../errors.ts";
import {
  isObject,
  type JsonObject,
  readJson,
  readJsonIfPresent,
} from "./_files.ts";
import { checkTokenIds } from "./_check_token_ids.ts";
import { Tokenizer } from "./tokenizer.ts";

/**
 * Reads the tokenizer of a Hugging Face model folder.
 *
 * Its `eosIds` are those of `generation_config.json`, or else of `config.json`, and the
 * `eos_token` of `tokenizer_config.json`.
 *
 * @throws {ModelError} If a file is missing, malformed or describes an unsupported tokenizer, or one that has ids which the
 *   model of `config.json` does not have.
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const source = `${folder}/tokenizer.json`;
  const [json, config = {}, model, generation] = await Promise.all([
    readJson(source),
    readJsonIfPresent(`${folder}/tokenizer_config.json`),
    readJsonIfPresent(`${folder}/config.json`),
    readJsonIfPresent(`${folder}/generation_config.json`),
  ]);
  const eosIds = generation?.eos_token_id ?? model?.eos_token_id ?? [];
  const tokenizer = new Tokenizer(withConfigTokens(json, config), {
    config,
    eosIds: checkEosIds(eosIds, folder),
    source,
  });
  checkTokenIds(folder, {
    "tokenizer.json": json,
    "tokenizer_config.json": config,
    "generation_config.json": generation,
    "config.json": model,
  });
  return tokenizer;
}

function checkEosIds(value: unknown, folder: string): number[] {
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  if (!ids.every((id) => Number.isInteger(id) && (id as number) >= 0)) {
    throw new ModelError(
      `${folder}: eos_token_id must be a token id or a list of them, got ${
        JSON.stringify(value)
      }`,
    );
  }
  return ids as number[];
}

/** The tokens of `added_tokens_decoder` of `tokenizer_config.json` added, or in place of those of the same text, as `transformers` does. */
function withConfigTokens(json: JsonObject, config: JsonObject): JsonObject {
  const decoder = config.added_tokens_decoder;
  if (!isObject(decoder)) return json;
  const present: unknown[] = Array.isArray(json.added_tokens)
    ? json.added_tokens
    : [];
  const ids = new Map(
    present.filter(isObject).map(({ content, id }) => [content, id]),
  );
  const tokens = Object.entries(decoder)
    .filter((entry): entry is [string, JsonObject] => isObject(entry[1]))
    .map(([id, token]) => ({
      ...token,
      id: ids.get(token.content) ?? Number(id),
    }));
  const renewed = new Set(tokens.map(({ content }: JsonObject) => content));
  const others = present.filter((token) =>
    !isObject(token) || !renewed.has(token.content)
  );
  return { ...json, added_tokens: [...others, ...tokens] };
}
