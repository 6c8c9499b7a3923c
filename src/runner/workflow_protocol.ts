import { z } from "../deps/zod.ts";
import type { Task } from "../reader/mod.ts";
import type { Endpoint } from "./types.ts";

const task = z.object({
  id: z.string().describe(
    "The user's label of the task; it need not be unique.",
  ),
  query: z.string().describe("What the agent is asked."),
  messages: z.array(z.object({
    role: z.enum(["system", "user", "assistant", "tool"]),
    content: z.string(),
  })).optional().describe("Messages that open the conversation."),
  metadata: z.record(z.string(), z.unknown()).describe(
    "Anything else that came with the task, such as the expected answer.",
  ),
  split: z.enum(["train", "validation"]).describe(
    "Whether the task is learned from or measured with.",
  ),
});

const endpoint = {
  base_url: z.string().describe(
    "Base URL of the OpenAI-compatible API of this episode; ends in /v1.",
  ),
  api_key: z.string().describe("Key of this episode; it dies with it."),
  model: z.string().describe(
    'Model name to send; "NAME:AGENT" tells agents apart.',
  ),
};

const request = z.object({ task, ...endpoint });

const output = z.object({
  reward: z.number().optional().describe(
    "Any finite number; the judge is asked where it is left out.",
  ),
  success: z.boolean().optional().describe(
    "Whether the task was solved; reward > 0 where it is left out.",
  ),
  metadata: z.record(z.string(), z.unknown()).optional().describe(
    "Passed to the judge, and kept with the episode.",
  ),
  metrics: z.record(z.string(), z.number()).optional().describe(
    "Numbers averaged into the step's metrics.",
  ),
});

const result = z.union([output, z.number()]);

/** The JSON Schemas (2020-12) of what workflows outside of this program are sent and answer. */
export function workflowJsonSchemas(): Readonly<Record<string, unknown>> {
  const claimed = request.extend({
    id: z.string().describe("Id of the episode, for its end."),
  });
  return {
    process: {
      description:
        "workflow.command: the program reads the task on standard input, or from ASTUNER_TASK " +
        "where that is set; OPENAI_BASE_URL, OPENAI_API_KEY and OPENAI_MODEL lead to the model. " +
        "It writes the result as the last JSON line on standard output.",
      input: schema(task),
      output: schema(result),
    },
    http: {
      description:
        "workflow.url: the service is sent a POST for each episode and answers with the result.",
      input: schema(request),
      output: schema(result),
    },
    episodes: {
      description:
        "workflow.open: agents claim an episode by POST /v1/episodes, and end it by " +
        "POST /v1/episodes/ID/end with the result or POST /v1/episodes/ID/abort with a reason.",
      claimed: schema(claimed),
      end: schema(output),
      abort: schema(z.object({ reason: z.string().optional() })),
    },
  };
}

/** What an HTTP workflow is sent. */
export function workflowRequest(
  task: Task,
  { baseUrl, apiKey, model }: Endpoint,
): z.infer<typeof request> {
  const { messages, ...rest } = task;
  return {
    task: { ...rest, ...(messages && { messages: [...messages] }) },
    base_url: baseUrl,
    api_key: apiKey,
    model,
  };
}

function schema(type: z.ZodType): unknown {
  return z.toJSONSchema(type, { io: "input" });
}
