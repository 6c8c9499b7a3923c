import { z } from "../deps/zod.ts";

const content = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string() })),
], { error: "must be text or a list of parts" }).nullish();

const toolCall = z.looseObject({
  id: z.string().optional(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});

const message = z.looseObject({
  role: z.enum(["system", "developer", "user", "assistant", "tool"]),
  content,
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().nullish(),
  reasoning_content: z.string().nullish(),
  name: z.string().nullish(),
});

const tool = z.looseObject({
  type: z.literal("function"),
  function: z.looseObject({
    name: z.string().min(1).max(128),
    description: z.string().nullish(),
    parameters: z.looseObject({}).nullish(),
  }),
});

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.looseObject({
    type: z.literal("function"),
    function: z.looseObject({ name: z.string() }),
  }),
], { error: 'must be "none", "auto", "required" or a function of the tools' });

const stop = z.union([
  z.string().min(1),
  z.array(z.string().min(1)).max(16),
], { error: "must be a text, or at most 16 of them, none empty" });

/** The fields of a chat completion request that are understood; null stands for absent. */
export const chatSchema = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() })
    .nullish(),
  n: z.int().min(1).max(128).nullish(),
  stop: stop.nullish(),
  max_tokens: z.int().min(1).nullish(),
  max_completion_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  seed: z.int().nullish(),
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).nullish(),
  return_token_ids: z.boolean().nullish(),
  include_reasoning: z.boolean().nullish(),
  separate_reasoning: z.boolean().nullish(),
  response_format: z.looseObject({ type: z.string() }).nullish(),
});

/** A request whose fields have the right types. */
export type ChatBody = z.infer<typeof chatSchema>;

/** A message whose fields have the right types. */
export type ChatBodyMessage = z.infer<typeof message>;
