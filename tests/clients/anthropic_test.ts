import { Anthropic } from "../tuner/_anthropic.ts";
import { ADD, type Addends, checkAgent, QUESTION } from "./_tool_agent.ts";

const { name, description, parameters } = ADD;

const ASK = {
  model: "policy",
  max_tokens: 1000,
  tools: [{ name, description, input_schema: parameters }],
};

/** The loop that Anthropic's documentation shows. */
async function loop(
  say: (messages: Anthropic.MessageParam[]) => Promise<Anthropic.Message>,
  add: (addends: Addends) => string,
): Promise<string> {
  const messages: Anthropic.MessageParam[] = [
    { role: "user", content: QUESTION },
  ];
  for (;;) {
    const { content } = await say(messages);
    messages.push({ role: "assistant", content });
    const calls = content.filter((block) => block.type === "tool_use");
    if (calls.length === 0) {
      return content.map((block) => block.type === "text" ? block.text : "")
        .join("");
    }
    messages.push({
      role: "user",
      content: calls.map(({ id, input }) => ({
        type: "tool_result",
        tool_use_id: id,
        content: add(input as Addends),
      })),
    });
  }
}

for (const stream of [false, true]) {
  const how = stream ? ", streamed," : "";
  Deno.test(`20 turns of Anthropic's client${how} stay one timeline`, () =>
    checkAgent(({ session }, add) => {
      const { baseUrl: baseURL, apiKey } = session;
      const { messages } = new Anthropic({ baseURL, apiKey, maxRetries: 0 });
      return loop(
        (said) =>
          stream
            ? messages.stream({ ...ASK, messages: said }).finalMessage()
            : messages.create({ ...ASK, messages: said }),
        add,
      );
    }));
}
