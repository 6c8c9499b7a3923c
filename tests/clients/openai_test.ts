import { OpenAI } from "../tuner/_openai.ts";
import type { TestGateway } from "../tuner/_requests.ts";
import { ADD, type Addends, checkAgent, QUESTION } from "./_tool_agent.ts";

type Add = (addends: Addends) => string;

const MODEL = "policy";

function clientOf({ session }: TestGateway): OpenAI {
  const { baseUrl: baseURL, apiKey } = session;
  return new OpenAI({ baseURL, apiKey, maxRetries: 0 });
}

/** Chat completions, until the answer comes without tool calls. */
async function chat(
  complete: (
    messages: OpenAI.ChatCompletionMessageParam[],
  ) => Promise<OpenAI.ChatCompletion>,
  add: Add,
): Promise<string> {
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "user", content: QUESTION },
  ];
  for (;;) {
    const { choices: [choice] } = await complete(messages);
    const { message } = choice!;
    messages.push(message);
    if (!message.tool_calls?.length) return message.content!;
    for (const call of message.tool_calls) {
      if (call.type !== "function") continue;
      const content = add(JSON.parse(call.function.arguments));
      messages.push({ role: "tool", tool_call_id: call.id, content });
    }
  }
}

const TOOLS: OpenAI.ChatCompletionFunctionTool[] = [
  { type: "function", function: ADD },
];

Deno.test("20 turns of openai's chat completions stay one timeline", () =>
  checkAgent((test, add) => {
    const { chat: { completions } } = clientOf(test);
    return chat(
      (messages) =>
        completions.create({ model: MODEL, messages, tools: TOOLS }),
      add,
    );
  }));

Deno.test("20 turns of openai's chat completions, streamed, stay one timeline", () =>
  checkAgent((test, add) => {
    const { chat: { completions } } = clientOf(test);
    return chat(
      (messages) =>
        completions.stream({ model: MODEL, messages, tools: TOOLS })
          .finalChatCompletion(),
      add,
    );
  }));

/** Responses, until one comes without function calls. */
async function respond(
  create: (input: OpenAI.Responses.ResponseInput) => Promise<
    Pick<OpenAI.Responses.Response, "output" | "output_text">
  >,
  add: Add,
): Promise<string> {
  const input: OpenAI.Responses.ResponseInput = [
    { role: "user", content: QUESTION },
  ];
  for (;;) {
    const { output, output_text } = await create(input);
    input.push(...output as OpenAI.Responses.ResponseInput);
    const calls = output.filter((item) => item.type === "function_call");
    if (calls.length === 0) return output_text;
    for (const { call_id, arguments: json } of calls) {
      const output = add(JSON.parse(json));
      input.push({ type: "function_call_output", call_id, output });
    }
  }
}

const FUNCTIONS: OpenAI.Responses.FunctionTool[] = [
  { type: "function", strict: false, ...ADD },
];

Deno.test("20 turns of openai's Responses stay one timeline", () =>
  checkAgent((test, add) => {
    const { responses } = clientOf(test);
    return respond(
      (input) => responses.create({ model: MODEL, input, tools: FUNCTIONS }),
      add,
    );
  }));

Deno.test("20 turns of openai's Responses, streamed, stay one timeline", () =>
  checkAgent((test, add) => {
    const { responses } = clientOf(test);
    return respond(
      (input) =>
        responses.stream({ model: MODEL, input, tools: FUNCTIONS })
          .finalResponse(),
      add,
    );
  }));
