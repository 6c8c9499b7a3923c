import { z } from "../deps/zod.ts";
import {
  type AnswerCompletionOptions,
  checkModel,
} from "./_answer_completion.ts";
import { parseBody } from "./_parse_body.ts";
import { ApiError } from "./api_error.ts";
import type { ChatModel } from "./chat_model.ts";
import { parseChatRequest } from "./chat_request.ts";

const modelName = z.string().nullish();

const tokenizeSchema = z.looseObject({
  model: modelName,
  prompt: z.string().nullish(),
  messages: z.array(z.unknown()).nullish(),
  add_generation_prompt: z.boolean().nullish(),
  add_special_tokens: z.boolean().nullish(),
  return_token_strs: z.boolean().nullish(),
});

const detokenizeSchema = z.looseObject({
  model: modelName,
  tokens: z.array(z.int().min(0)),
});

/** The model whose tokens they are, and its name. */
export interface TokenizeOptions
  extends Pick<AnswerCompletionOptions, "model" | "modelName" | "adapters"> {
  /** Most tokens of a prompt and its reply. */
  readonly maxContext: number;
}

/**
 * Answers vLLM's `/tokenize`: the token ids of a text, or of messages as the chat template has them.
 *
 * @throws {ApiError} 400 if the request has neither, or the template refuses the messages; 404 if it
 * names another model.
 */
export function tokenize(body: unknown, options: TokenizeOptions): Response {
  const { model, maxContext } = options;
  const asked = parseBody(tokenizeSchema, body);
  checkModel(asked.model, options);
  const { tokenizer } = model;
  const text = asked.messages ? chatText(asked, model) : textOf(asked.prompt);
  // Chat templates write their own.
  const addSpecial = asked.add_special_tokens ?? !asked.messages;
  const tokens = addSpecial
    ? tokenizer.encodeWhole(text)
    : tokenizer.encode(text);
  return Response.json({
    count: tokens.length,
    max_model_len: maxContext,
    tokens,
    token_strs: asked.return_token_strs
      ? tokens.map((id) => tokenizer.decode([id], { continues: true }))
      : null,
  });
}

/**
 * Answers vLLM's `/detokenize`: the text of token ids.
 *
 * @throws {ApiError} 400 if an id is no token; 404 if the request names another model.
 */
export function detokenize(
  body: unknown,
  options: Omit<TokenizeOptions, "maxContext">,
): Response {
  const { tokenizer } = options.model;
  const { model, tokens } = parseBody(detokenizeSchema, body);
  checkModel(model, options);
  const stranger = tokens.find((id) => id >= tokenizer.vocabSize);
  if (stranger !== undefined) {
    throw new ApiError(
      400,
      `tokens: ${stranger} is no token of this model: the last is ${
        tokenizer.vocabSize - 1
      }`,
      { param: "tokens" },
    );
  }
  return Response.json({ prompt: tokenizer.decode(tokens) });
}

function textOf(prompt: string | null | undefined): string {
  if (typeof prompt === "string") return prompt;
  throw new ApiError(400, "There is neither a prompt nor messages", {
    param: "prompt",
  });
}

function chatText(
  asked: z.infer<typeof tokenizeSchema>,
  { template }: ChatModel,
): string {
  const { messages, tools } = parseChatRequest({
    ...asked,
    model: "",
    add_generation_prompt: true,
    add_special_tokens: false,
  });
  return template!.render(messages, {
    tools,
    addGenerationPrompt: asked.add_generation_prompt ?? true,
  });
}
