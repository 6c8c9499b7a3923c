import { z } from "../deps/zod.ts";

const JSON_HINT =
  "is not supported: ask for JSON in the prompt, or give a tool";

/** A block of content. */
export const blockSchema = z.looseObject({ type: z.string() });

const content = z.union([z.string(), z.array(blockSchema)], {
  error: "must be text or a list of blocks",
});

const message = z.looseObject({
  role: z.enum(["user", "assistant", "system"]),
  content,
});

const tool = z.looseObject({
  type: z.literal("custom", {
    error: 'must be "custom": built-in tools are not supported',
  }).nullish(),
  name: z.string().min(1).max(128),
  description: z.string().nullish(),
  input_schema: z.looseObject({}),
});

const toolChoice = z.looseObject({
  type: z.enum(["auto", "any", "tool", "none"]),
  name: z.string().optional(),
  disable_parallel_tool_use: z.boolean().nullish(),
});

/** The fields of a Messages request that are understood. */
export const messagesSchema = z.looseObject({
  model: z.string(),
  max_tokens: z.int().min(1),
  system: content.nullish(),
  messages: z.array(message).min(1),
  tools: z.array(tool).nullish(),
  tool_choice: toolChoice.nullish(),
  stop_sequences: z.array(z.string()).nullish(),
  stream: z.boolean().nullish(),
  temperature: z.number().nullish(),
  top_p: z.number().nullish(),
  top_k: z.int().nullish(),
  output_config: z.looseObject({
    format: z.null({ error: JSON_HINT }).optional(),
  }).nullish(),
  output_format: z.null({ error: JSON_HINT }).optional(),
  mcp_servers: z.array(z.unknown()).max(0, {
    error: "is not supported: give the agent tools of its own",
  }).nullish(),
  container: z.null({ error: "is not supported: leave it out" }).optional(),
});

/** The fields of a request to count a message's tokens: what samples is not among them. */
export const countedSchema = messagesSchema.partial({ max_tokens: true });

/** A block that says what a tool gave back. */
export const toolResultSchema = z.looseObject({
  tool_use_id: z.string(),
  content: content.nullish(),
});

/** A block that calls a tool. */
export const toolUseSchema = z.looseObject({
  id: z.string(),
  name: z.string(),
  input: z.looseObject({}),
});

/** A block of text. */
export const textBlockSchema = z.looseObject({ text: z.string() });

/** A request whose fields have the right types. */
export type MessagesBody = z.infer<typeof countedSchema>;

/** A content whose fields have the right types. */
export type MessagesContent = z.infer<typeof content>;
