import type { TestGateway } from "../tuner/_requests.ts";
import {
  type AIMessageChunk,
  type BaseMessage,
  ChatOpenAI,
  HumanMessage,
  ToolMessage,
} from "./_langchain.ts";
import { ADD, type Addends, checkAgent, QUESTION } from "./_tool_agent.ts";

/** Which of OpenAI's interfaces is asked, and how. */
interface Options {
  readonly stream: boolean;
  readonly useResponsesApi: boolean;
}

/** The loop that LangChain's documentation shows. */
async function loop(
  { session }: TestGateway,
  add: (addends: Addends) => string,
  { stream, useResponsesApi }: Options,
): Promise<string> {
  const model = new ChatOpenAI({
    model: "policy",
    apiKey: session.apiKey,
    configuration: { baseURL: session.baseUrl },
    maxRetries: 0,
    useResponsesApi,
  }).bindTools([{ type: "function", function: ADD }]);
  const messages: BaseMessage[] = [new HumanMessage(QUESTION)];
  for (;;) {
    const reply = stream
      ? await whole(await model.stream(messages))
      : await model.invoke(messages);
    messages.push(reply);
    if (!reply.tool_calls?.length) return reply.text;
    for (const { id, args } of reply.tool_calls) {
      const content = add(args as Addends);
      messages.push(new ToolMessage({ content, tool_call_id: id! }));
    }
  }
}

/** The message that chunks add up to. */
async function whole(
  chunks: AsyncIterable<AIMessageChunk>,
): Promise<AIMessageChunk> {
  let message: AIMessageChunk | undefined;
  for await (const chunk of chunks) message = message?.concat(chunk) ?? chunk;
  return message!;
}

for (const useResponsesApi of [false, true]) {
  for (const stream of [false, true]) {
    const api = useResponsesApi ? "Responses" : "chat completions";
    const how = stream ? ", streamed," : "";
    Deno.test(`20 turns of LangChain's ChatOpenAI by ${api}${how} stay one timeline`, () =>
      checkAgent((test, add) => loop(test, add, { stream, useResponsesApi })));
  }
}
