import {
  isObject,
  type JsonObject,
  readJsonIfPresent,
  readTextIfPresent,
  tokenText,
} from "./_files.ts";
import { ChatTemplate } from "./chat_template.ts";

/** Variables that `transformers` hands to every template where the tokenizer names them. */
const TOKEN_VARIABLES = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
];

/**
 * The chat template of a model folder, or undefined where it has none.
 *
 * @throws {ModelError} If it cannot be parsed.
 */
export async function findChatTemplate(
  folder: string,
): Promise<ChatTemplate | undefined> {
  const [file, config = {}] = await Promise.all([
    readTextIfPresent(`${folder}/chat_template.jinja`),
    readJsonIfPresent(`${folder}/tokenizer_config.json`),
  ]);
  const text = file ?? templateText(config.chat_template);
  if (text === undefined) return undefined;
  return new ChatTemplate(text, {
    variables: tokenVariables(config),
    source: file === undefined
      ? `chat_template in ${folder}/tokenizer_config.json`
      : `${folder}/chat_template.jinja`,
  });
}

function templateText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  const named = value.find((entry: unknown) =>
    isObject(entry) && entry.name === "default"
  );
  return isObject(named) ? templateText(named.template) : undefined;
}

function tokenVariables(config: JsonObject): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of TOKEN_VARIABLES) {
    const text = tokenText(config[name]);
    if (text !== undefined) variables[name] = text;
  }
  return variables;
}
