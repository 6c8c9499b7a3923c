import OpenAI from "npm:openai@7.59.0";
import type { Task, Tuner, WorkflowOutput } from "../../mod.ts";
import { calculate } from "./calculate.ts";

const calculator: OpenAI.ChatCompletionFunctionTool = {
  type: "function",
  function: {
    name: "calculator",
    description: "Adds, subtracts or multiplies two whole numbers.",
    parameters: {
      type: "object",
      properties: {
        expression: { type: "string", description: "Such as 25-20" },
      },
      required: ["expression"],
    },
  },
};

/**
 * An agent that solves one word problem, calculator at hand.
 *
 * The reward is 1 if it ends with exactly `Answer: N` and the right number, else 0; nothing else is
 * rewarded, so the policy has to find out by itself when and how to calculate.
 */
export default async function solve(
  task: Task,
  tuner: Tuner,
): Promise<WorkflowOutput> {
  const client = new OpenAI({ baseURL: tuner.baseUrl, apiKey: tuner.apiKey });
  const messages: OpenAI.ChatCompletionMessageParam[] = [
    { role: "user", content: task.query },
  ];

  for (const used of [0, 1]) {
    const completion = await client.chat.completions.create({
      model: tuner.model,
      messages,
      tools: [calculator],
      max_completion_tokens: 27,
    }, { signal: tuner.signal });
    const reply = completion.choices[0]!.message;

    const call = reply.tool_calls?.[0];
    if (call?.type !== "function") {
      const reward = reply.content === `Answer: ${task.metadata.answer}`;
      return { reward: Number(reward), metrics: { calculator: used } };
    }
    const result = run(call.function.arguments);
    if (result === undefined) break;
    messages.push(reply, {
      role: "tool",
      tool_call_id: call.id,
      content: `${result}`,
    });
  }
  return { reward: 0, metrics: { calculator: 1 } };
}

/** What the tool says to a call; `undefined` if there is nothing to calculate. */
function run(args: string): number | undefined {
  try {
    return calculate(JSON.parse(args).expression);
  } catch {
    return undefined;
  }
}
