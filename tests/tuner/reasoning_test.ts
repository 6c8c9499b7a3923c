import { assertEquals } from "../assert.ts";
import {
  chat,
  type Json,
  startGateway,
  streamChat,
  type TestGateway,
  USER,
} from "./_requests.ts";
import { CHATML, testModel } from "./_test_model.ts";

const OPENED = CHATML.replace(
  '"<|im_start|>assistant\\n"',
  '"<|im_start|>assistant\\n<think>\\n"',
).replace(
  "message.content | trim",
  `(("<think>\\n" if "</think>" in message.content else "") + message.content) | trim`,
);

/** Fails unless the second request goes on exactly where the first call ended. */
function assertExtends({ engine, session }: TestGateway): void {
  const [first, second] = session.tree.calls;
  const before = Array.from(
    session.tree.path(first!.leaf),
    (node) => session.tree.tokens[node]!,
  );
  const prompt = engine.requests[1]!.tokens;
  assertEquals(prompt.slice(0, before.length), before);
  assertEquals(second!.branch, undefined);
}

const CASES = [
  { name: "which the model opened", template: CHATML, opening: "<think> " },
  { name: "which the template opened", template: OPENED, opening: "" },
];

for (const { name, template, opening } of CASES) {
  const text = `${opening}hm ✓\n </think>\n\n\nYes`;

  Deno.test(`Gateway sends reasoning apart, ${name}, and takes it back to the token`, async () => {
    await using test = await startGateway({ text }, {
      model: testModel(template),
    });
    const answer = await chat(test.session, { include_reasoning: true });
    const { message } = answer.choices[0];
    assertEquals(message.reasoning_content, "hm ✓");
    assertEquals(message.content, "Yes");
    await chat(test.session, { messages: [USER, message, USER] });
    assertExtends(test);
  });

  Deno.test(`Gateway streams reasoning apart, ${name}`, async () => {
    await using test = await startGateway({ text }, {
      model: testModel(template),
    });
    const chunks = await streamChat(test.session, { separate_reasoning: true });
    const deltas: Json[] = chunks.flatMap(({ choices }: Json) =>
      choices.map(({ delta }: Json) => delta)
    );
    const whole = (key: string) =>
      deltas.map((delta) => delta[key] ?? "").join("");
    assertEquals(whole("reasoning_content"), "hm ✓");
    assertEquals(whole("content"), "Yes");
  });

  Deno.test(`Gateway leaves reasoning in the text where nobody asks for more, ${name}`, async () => {
    await using test = await startGateway({ text }, {
      model: testModel(template),
    });
    const { message } = (await chat(test.session)).choices[0];
    assertEquals(message.content, text);
    assertEquals("reasoning_content" in message, false);
    await chat(test.session, { messages: [USER, message, USER] });
    assertExtends(test);
  });
}
