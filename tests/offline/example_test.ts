import { DataError } from "../../src/errors.ts";
import { readExamples } from "../../src/offline/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";

async function* lines(...rows: readonly Record<string, unknown>[]) {
  for (const [at, fields] of rows.entries()) {
    yield { fields, where: `chats:${at + 1}` };
  }
}

const USER = { role: "user", content: "2 + 3?" };
const ANSWER = { role: "assistant", content: "5" };

Deno.test("readExamples() takes messages, with what was given before them or not, and texts", async () => {
  const call = { type: "function", function: { name: "add", arguments: "{}" } };
  const calling = { role: "assistant", content: null, tool_calls: [call] };
  const parts = { role: "user", content: [{ type: "text", text: "2 + 3?" }] };
  const examples = await readExamples(lines(
    { messages: [parts, calling], tools: [{ type: "function" }] },
    { prompt: [USER], completion: [ANSWER] },
    { prompt: "2 + 3 = ", completion: "5" },
  ));
  assertEquals(
    examples.map((example) => example.kind === "chat" ? example.from : -1),
    [0, 1, -1],
  );
});

Deno.test("readExamples() says which line is wrong, and which field of it", async () => {
  const answer = (fields: Record<string, unknown>) => ({
    messages: [USER, { ...ANSWER, ...fields }],
  });
  const cases: readonly (readonly [Record<string, unknown>, string])[] = [
    [answer({ content: 5 }), "chats:2: messages[1].content must be a text"],
    [answer({ content: {} }), "messages[1].content must be a text"],
    [answer({ content: [null] }), "messages[1].content must be a text"],
    [answer({ role: 1 }), "messages[1].role must be a text"],
    [answer({ tool_calls: "x" }), "messages[1].tool_calls must be a list"],
    [
      answer({ tool_calls: [{}] }),
      "messages[1].tool_calls[0].function must have a name",
    ],
    [
      answer({ tool_calls: [null] }),
      "messages[1].tool_calls[0].function must have a name",
    ],
    [{ messages: [USER, 3] }, "messages[1] must be an object"],
    [{ messages: ANSWER }, "messages must be a list of messages"],
    [{ messages: [USER] }, "there is no message of the assistant"],
    [{ messages: [ANSWER], tools: [3] }, "tools[0] must be an object"],
    [{ messages: [ANSWER], tools: {} }, "tools must be a list"],
    [
      { prompt: [USER, {}], completion: [ANSWER] },
      "prompt[1].role must be a text",
    ],
    [{ prompt: "x", completion: "" }, "must not be empty"],
    [{ prompt: "x", completion: [ANSWER] }, "a line must hold messages, or"],
  ];
  const fine = { messages: [USER, ANSWER] };
  for (const [row, message] of cases) {
    await assertRejects(
      () => readExamples(lines(fine, row)),
      DataError,
      message,
    );
  }
  await assertRejects(() => readExamples(lines()), DataError, "is empty");
});
