import { Agent, OpenAIProvider, Runner, tool } from "./_openai_agents.ts";
import { ADD, type Addends, checkAgent, QUESTION } from "./_tool_agent.ts";

for (const useResponses of [false, true]) {
  for (const stream of [false, true]) {
    const api = useResponses ? "Responses" : "chat completions";
    const how = stream ? ", streamed," : "";
    Deno.test(`20 turns of @openai/agents by ${api}${how} stay one timeline`, () =>
      checkAgent(async ({ session }, add) => {
        const { baseUrl: baseURL, apiKey } = session;
        const agent = new Agent({
          name: "adder",
          model: "policy",
          tools: [tool({
            ...ADD,
            strict: true,
            execute: (addends) => Promise.resolve(add(addends as Addends)),
          })],
        });
        const runner = new Runner({
          modelProvider: new OpenAIProvider({ baseURL, apiKey, useResponses }),
          tracingDisabled: true,
        });
        const options = { maxTurns: 30 };
        if (!stream) {
          const { finalOutput } = await runner.run(agent, QUESTION, options);
          return finalOutput!;
        }
        const result = await runner.run(agent, QUESTION, {
          ...options,
          stream: true,
        });
        await result.completed;
        return result.finalOutput!;
      }));
  }
}
