import { ModelError } from "../errors.ts";
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

/** Where the template for conversations with tools lies, of a model that has one beside `chat_template.jinja`. */
export const TOOL_TEMPLATE = "additional_chat_templates/tool_use.jinja";

/**
 * The chat template of a model folder, or undefined where it has none. Of several, `default` and `tool_use` count, as
 * for `transformers`.
 *
 * @throws {ModelError} If it cannot be parsed, or of several none is the default.
 */
export async function findChatTemplate(
  folder: string,
): Promise<ChatTemplate | undefined> {
  const [file, toolFile, config = {}] = await Promise.all([
    readTextIfPresent(`${folder}/chat_template.jinja`),
    readTextIfPresent(`${folder}/${TOOL_TEMPLATE}`),
    readJsonIfPresent(`${folder}/tokenizer_config.json`),
  ]);
  const inConfig = `chat_template in ${folder}/tokenizer_config.json`;
  const { text, toolText } = file === undefined
    ? templateTexts(config.chat_template, inConfig)
    : { text: file, toolText: toolFile };
  if (text === undefined) return undefined;
  return new ChatTemplate(text, {
    variables: tokenVariables(config),
    source: file === undefined ? inConfig : `${folder}/chat_template.jinja`,
    ...(toolText !== undefined && { toolText }),
  });
}

interface TemplateTexts {
  readonly text: string | undefined;
  readonly toolText?: string | undefined;
}

function templateTexts(value: unknown, source: string): TemplateTexts {
  if (value === undefined || value === null) return { text: undefined };
  if (typeof value === "string") return { text: value };
  const entries: readonly unknown[] = Array.isArray(value) ? value : [];
  const named = (name: string) => {
    const entry = entries.find((entry) =>
      isObject(entry) && entry.name === name
    );
    return isObject(entry) && typeof entry.template === "string"
      ? entry.template
      : undefined;
  };
  const text = named("default");
  if (text === undefined) {
    throw new ModelError(
      `${source} must be a text, or a list with a template named default`,
    );
  }
  return { text, toolText: named("tool_use") };
}

function tokenVariables(config: JsonObject): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const name of TOKEN_VARIABLES) {
    const text = tokenText(config[name]);
    if (text !== undefined) variables[name] = text;
  }
  return variables;
}
