import { ChatTemplate } from "../../src/model/mod.ts";
import type { RenderOptions } from "../../src/model/mod.ts";
import { ModelError, UserError } from "../../src/errors.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { GOLDEN } from "./_golden.ts";

Deno.test("ChatTemplate.render() gives the text of transformers", async (t) => {
  const names = new Set(GOLDEN.renderings.map(({ template }) => template));
  for (const name of names) {
    await t.step(name, async () => {
      const url = new URL(`../golden/model/${name}`, import.meta.url);
      const template = new ChatTemplate(await Deno.readTextFile(url), {
        variables: { bos_token: "<|endoftext|>", eos_token: "<|im_end|>" },
      });
      for (const golden of GOLDEN.renderings) {
        if (golden.template !== name) continue;
        const messages = GOLDEN.conversations[golden.conversation]!;
        const options = renderOptions(GOLDEN.variants[golden.variant]!);
        const title = `${golden.conversation}, ${golden.variant}`;
        if (golden.error === undefined) {
          assertEquals(template.render(messages, options), golden.text, title);
        } else {
          assertThrows(
            () => template.render(messages, options),
            UserError,
            golden.error,
          );
        }
      }
    });
  }
});

Deno.test("ChatTemplate.render() takes OpenAI's messages: JSON text, parts and null", () => {
  const template = new ChatTemplate(
    "{% for m in messages %}{{ m.role }}:{{ m.content }}" +
      "{% for c in m.tool_calls or [] %}{{ c.function.arguments.a }}{% endfor %};{% endfor %}",
  );
  const text = template.render([
    {
      role: "user",
      content: [{ type: "text", text: "x" }, { type: "text", text: "y" }],
    },
    {
      role: "assistant",
      content: null,
      tool_calls: [{ function: { name: "f", arguments: '{"a": 7}' } }],
    },
    { role: "assistant", tool_calls: [] },
    {
      role: "assistant",
      content: "z",
      tool_calls: [{ function: { name: "f", arguments: "" } }],
    },
  ]);
  assertEquals(text, "user:x\ny;assistant:7;assistant:;assistant:z;");
});

Deno.test("ChatTemplate.render() lets no variable stand for the messages or the tools", () => {
  const template = new ChatTemplate(
    "{{ messages | length }}{{ '-' if tools is none }}{{ x }}",
  );
  const variables = { messages: [], tools: ["t"], x: "y" };
  const text = template.render([{ role: "user", content: "" }], { variables });
  assertEquals(text, "1-y");
});

Deno.test("ChatTemplate.render() says which message it cannot take", () => {
  const template = new ChatTemplate("{{ messages }}");
  for (const given of ["[1]", "{", "3", "null"]) {
    assertThrows(
      () =>
        template.render([{ role: "user", content: "x" }, {
          role: "assistant",
          tool_calls: [{ function: { name: "f", arguments: given } }],
        }]),
      UserError,
      "messages[1].tool_calls",
    );
  }
  const image = [{ type: "image_url" as "text", text: "" }];
  assertThrows(
    () => template.render([{ role: "user", content: image }]),
    UserError,
    '"image_url"',
  );
});

Deno.test("ChatTemplate refuses a template that cannot be parsed", () => {
  assertThrows(
    () => new ChatTemplate("{% for %}", { source: "m/chat_template.jinja" }),
    ModelError,
    "m/chat_template.jinja cannot be parsed",
  );
});

/** `transformers` takes every variable beside the messages; here two have options of their own. */
function renderOptions(
  { tools, add_generation_prompt, ...variables }: Readonly<
    Record<string, unknown>
  >,
): RenderOptions {
  return {
    tools: (tools ?? []) as readonly unknown[],
    addGenerationPrompt: add_generation_prompt === true,
    variables,
  };
}

Deno.test("ChatTemplate.render() gives Mistral's templates ids of the length that they demand", () => {
  const template = new ChatTemplate(
    "{% for m in messages %}{% for c in m.tool_calls or [] %}" +
      "{% if c.id|length != 9 %}{{ raise_exception('length 9') }}{% endif %}{{ c.id }} " +
      "{% endfor %}{% if m.tool_call_id %}{{ m.tool_call_id }}{% endif %}{% endfor %}",
  );
  const id = "call_0123456789abcdef";
  const rendered = template.render([
    {
      role: "assistant",
      tool_calls: [{ id, function: { name: "f", arguments: "{}" } }, {
        id: "7",
        function: { name: "g", arguments: "{}" },
      }],
    },
    { role: "tool", tool_call_id: id, content: "5" },
  ]);
  assertEquals(rendered, "789abcdef 000000007 789abcdef");
});
