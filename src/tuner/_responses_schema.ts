import { z } from "../deps/zod.ts";

const parts = z.union([
  z.string(),
  z.array(z.looseObject({ type: z.string() })),
], { error: "must be text or a list of parts" });

const message = z.looseObject({
  type: z.literal("message").optional(),
  id: z.string().nullish(),
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: parts,
});

const functionCall = z.looseObject({
  type: z.literal("function_call"),
  call_id: z.string(),
  name: z.string(),
  arguments: z.string(),
});

const functionCallOutput = z.looseObject({
  type: z.literal("function_call_output"),
  call_id: z.string(),
  output: parts,
});

const reasoning = z.looseObject({ type: z.literal("reasoning") });

const itemReference = z.looseObject({
  type: z.literal("item_reference"),
  id: z.string(),
});

const item = z.union([
  message,
  functionCall,
  functionCallOutput,
  reasoning,
  itemReference,
], {
  error:
    'must be a message, or of type "function_call", "function_call_output", "reasoning" or "item_reference"',
});

const tool = z.looseObject({
  type: z.literal("function", {
    error: 'must be "function": built-in tools are not supported',
  }),
  name: z.string().min(1).max(128),
  description: z.string().nullish(),
  parameters: z.looseObject({}).nullish(),
  strict: z.boolean().nullish(),
});

const toolChoice = z.union([
  z.enum(["none", "auto", "required"]),
  z.looseObject({ type: z.literal("function"), name: z.string() }),
], { error: 'must be "none", "auto", "required" or a function of the tools' });

/** The fields of a Responses request that are understood; null stands for absent. */
export const responsesSchema = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(z.unknown())], {
    error: "must be text or a list of items",
  }),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  stream: z.boolean().nullish(),
  store: z.boolean().nullish(),
  max_output_tokens: z.int().min(1).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  include: z.array(z.string()).nullish(),
  top_logprobs: z.literal(0, {
    error: "must be 0: logprobs are given for the sampled tokens alone",
  }).nullish(),
  text: z.looseObject({
    format: z.looseObject({
      type: z.literal("text", {
        error:
          'must be "text": ask for JSON in the prompt, or give a tool instead',
      }),
    }).nullish(),
  }).nullish(),
  metadata: z.looseObject({}).nullish(),
  background: z.literal(false, { error: "is not supported: leave it out" })
    .nullish(),
  conversation: z.null({
    error: "is not supported: send the whole conversation as input",
  }).optional(),
  prompt: z.null({ error: "is not supported: write it into instructions" })
    .optional(),
});

/** One item of the input. */
export const responsesItemSchema = item;

/** A request whose fields have the right types. */
export type ResponsesBody = z.infer<typeof responsesSchema>;

/** An item whose fields have the right types. */
export type ResponsesItem = z.infer<typeof responsesItemSchema>;
