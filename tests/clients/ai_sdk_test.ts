import type { TestGateway } from "../tuner/_requests.ts";
import {
  createOpenAI,
  createOpenAICompatible,
  generateText,
  isStepCount,
  jsonSchema,
  streamText,
  tool,
} from "./_ai_sdk.ts";
import {
  ADD,
  type Addends,
  checkAgent,
  QUESTION,
  TURNS,
} from "./_tool_agent.ts";

type Model = Parameters<typeof generateText>[0]["model"];

/** What `generateText` and `streamText` are asked. */
function asked(model: Model, add: (addends: Addends) => string) {
  return {
    model,
    prompt: QUESTION,
    maxRetries: 0,
    stopWhen: isStepCount(TURNS + 1),
    tools: {
      add: tool({
        description: ADD.description,
        inputSchema: jsonSchema<Addends>(ADD.parameters),
        execute: (addends) => add(addends),
      }),
    },
  };
}

function compatible({ session }: TestGateway): Model {
  const { baseUrl: baseURL, apiKey } = session;
  const provider = createOpenAICompatible({ name: "tuner", baseURL, apiKey });
  return provider("policy");
}

/** Asks `/responses`, as is its default. */
function responses({ session }: TestGateway): Model {
  const { baseUrl: baseURL, apiKey } = session;
  return createOpenAI({ baseURL, apiKey })("policy");
}

const PROVIDERS = {
  "@ai-sdk/openai-compatible": compatible,
  "@ai-sdk/openai": responses,
};

for (const [name, modelOf] of Object.entries(PROVIDERS)) {
  Deno.test(`20 turns of generateText through ${name} stay one timeline`, () =>
    checkAgent(async (test, add) => {
      const { text } = await generateText(asked(modelOf(test), add));
      return text;
    }));

  Deno.test(`20 turns of streamText through ${name} stay one timeline`, () =>
    checkAgent(async (test, add) => {
      const stream = streamText(asked(modelOf(test), add));
      await stream.consumeStream();
      return await stream.text;
    }));
}
