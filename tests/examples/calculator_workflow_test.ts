import solve from "../../examples/calculator/workflow.ts";
import type { Task, Tuner, WorkflowOutput } from "../../mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";

const TASK: Task = {
  id: "t",
  query: "Tom has 25 apples and loses 20. How many?",
  metadata: { answer: 5 },
  split: "train",
};

/** A chat completion request, as far as these tests look at it. */
interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Record<string, unknown>[];
  readonly tools: readonly { readonly function: { readonly name: string } }[];
  readonly max_completion_tokens: number;
}

/** An assistant message that calls the calculator with `args`. */
function toolCall(args: string): Record<string, unknown> {
  return {
    role: "assistant",
    content: null,
    tool_calls: [{
      id: "call-1",
      type: "function",
      function: { name: "calculator", arguments: args },
    }],
  };
}

function text(content: string): Record<string, unknown> {
  return { role: "assistant", content };
}

/** Runs the workflow against a server that gives `replies` in turn. */
async function runAgainst(
  replies: readonly Record<string, unknown>[],
  signal: AbortSignal = new AbortController().signal,
): Promise<{ output: WorkflowOutput; requests: ChatRequest[] }> {
  const requests: ChatRequest[] = [];
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      assertEquals(new URL(request.url).pathname, "/v1/chat/completions");
      assertEquals(request.headers.get("authorization"), "Bearer key-1");
      const message = replies[requests.length];
      requests.push(await request.json());
      return Response.json({
        id: `chatcmpl-${requests.length}`,
        object: "chat.completion",
        created: 0,
        model: "policy",
        choices: [{ index: 0, message, finish_reason: "stop" }],
      });
    },
  );
  const tuner: Tuner = {
    baseUrl: `http://127.0.0.1:${server.addr.port}/v1`,
    apiKey: "key-1",
    model: "policy",
    agent: () => tuner,
    signal,
  };
  return { output: await solve(TASK, tuner), requests };
}

async function rewardOf(
  ...replies: readonly Record<string, unknown>[]
): Promise<number | undefined> {
  const { output, requests } = await runAgainst(replies);
  assertEquals(requests.length, replies.length);
  return output.reward;
}

Deno.test("workflow: a tool call and its answer are two requests and reward 1", async () => {
  const call = toolCall('{"expression": "25-20"}');
  const { output, requests } = await runAgainst([call, text("Answer: 5")]);
  assertEquals(output, { reward: 1, metrics: { calculator: 1 } });
  assertEquals(requests.length, 2);
  const [first, second] = requests as [ChatRequest, ChatRequest];
  assertEquals(first.model, "policy");
  assertEquals(first.max_completion_tokens, 27);
  assertEquals(first.tools[0]!.function.name, "calculator");
  assertEquals(first.messages, [{ role: "user", content: TASK.query }]);
  assertEquals(second.messages, [
    ...first.messages,
    call,
    { role: "tool", tool_call_id: "call-1", content: "5" },
  ]);
});

Deno.test("workflow: an answer without the tool ends the episode and is scored", async () => {
  assertEquals(await rewardOf(text("Answer: 5")), 1);
  const { output } = await runAgainst([text("Answer: 6")]);
  assertEquals(output, { reward: 0, metrics: { calculator: 0 } });
});

Deno.test("workflow: only the exact words of an answer score", async () => {
  for (
    const reply of ["5", "It is 5", "Answer: 5.", "Answer:5", "Answer: 05", ""]
  ) {
    assertEquals(await rewardOf(text(reply)), 0, reply);
  }
});

Deno.test("workflow: the tool's result is only worth what the answer makes of it", async () => {
  const sum = toolCall('{"expression": "25+20"}');
  assertEquals(await rewardOf(sum, text("Answer: 45")), 0);
  assertEquals(await rewardOf(sum, text("Answer: 5")), 1);
  const negative = toolCall('{"expression": "20-25"}');
  assertEquals(await rewardOf(negative, text("Answer: -5")), 0);
});

Deno.test("workflow: a second tool call ends the episode without reward", async () => {
  const call = toolCall('{"expression": "25-20"}');
  assertEquals(await rewardOf(call, call), 0);
});

Deno.test("workflow: a call that cannot be calculated ends the episode without reward", async () => {
  for (
    const args of ['{"expression": "25/20"}', '{"expression": 5}', "{}", "null"]
  ) {
    assertEquals(await rewardOf(toolCall(args)), 0, args);
  }
  assertEquals(await rewardOf(toolCall("25-20")), 0);
});

Deno.test("workflow: an aborted episode stops asking", async () => {
  await assertRejects(
    () => runAgainst([text("Answer: 5")], AbortSignal.abort()),
    Error,
    "abort",
  );
});
