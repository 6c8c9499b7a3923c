import { fileURLToPath } from "node:url";
import { DataError } from "../../src/errors.ts";
import { ChatTemplate, loadModelFolder } from "../../src/model/mod.ts";
import { type Example, tokenizeExample } from "../../src/offline/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";

const MODEL = await loadModelFolder(
  fileURLToPath(new URL("../../examples/calculator/model", import.meta.url)),
);
const { tokenizer } = MODEL;
const TURNS = {
  ...MODEL,
  template: new ChatTemplate(
    "{% for m in messages %}{{ m.role }}:{{ m.content }}<|im_end|>\n{% endfor %}" +
      "{% if add_generation_prompt %}assistant:{% endif %}",
  ),
};

function chat(...contents: readonly string[]): Example {
  const messages = contents.map((content, at) => ({
    role: at % 2 ? "assistant" : "user",
    content,
  }));
  return { kind: "chat", where: "chats:1", messages, tools: [], from: 0 };
}

Deno.test("tokenizeExample() imitates each of the assistant's messages up to its end of turn", () => {
  const { tree } = tokenizeExample(chat("2 + 3?", "5", "4 + 4?", "8"), TURNS);
  const [timeline, ...others] = tree.timelines();
  assertEquals(others, []);
  const text = (trained: number) =>
    tokenizer.decode(
      [...timeline!.tokens].filter((_, at) =>
        timeline!.trained[at] === trained
      ),
    );
  assertEquals(text(1), "5<|im_end|>8<|im_end|>");
  assertEquals(
    text(0),
    "user:2 + 3?<|im_end|>\nassistant:\nuser:4 + 4?<|im_end|>\nassistant:",
  );
});

Deno.test("tokenizeExample() ends a text's completion with the end-of-text token", () => {
  const { tree } = tokenizeExample({
    kind: "text",
    where: "texts:1",
    prompt: "2 + 3 = ",
    completion: "5",
  }, MODEL);
  const { tokens, trained } = tree.timelines()[0]!;
  assertEquals([...tokens], [
    ...tokenizer.encode("2 + 3 = "),
    ...tokenizer.encode("5"),
    MODEL.eosIds[0]!,
  ]);
  assertEquals([...trained].filter(Boolean).length, 2);
});

Deno.test("tokenizeExample() branches where a template rewrites what was said before", () => {
  const forgetful = {
    ...MODEL,
    template: new ChatTemplate(
      "{% for m in messages %}{{ m.role }}:" +
        "{{ m.content if loop.last else m.content[:1] }}<|im_end|>{% endfor %}" +
        "{% if add_generation_prompt %}assistant:{% endif %}",
    ),
  };
  const example = chat("a", "bcd", "e", "fgh");
  const { tree } = tokenizeExample(example, forgetful);
  assertEquals(
    tree.timelines().map(({ tokens }) => tokenizer.decode([...tokens])),
    [
      "user:a<|im_end|>assistant:bcd<|im_end|>",
      "user:a<|im_end|>assistant:b<|im_end|>user:e<|im_end|>assistant:fgh<|im_end|>",
    ],
  );
});

Deno.test("tokenizeExample() refuses what a template cannot write", () => {
  const other = {
    ...MODEL,
    template: new ChatTemplate(
      "{{ messages | length }}{% if add_generation_prompt %}bot:{% endif %}",
    ),
  };
  assertThrows(
    () => tokenizeExample(chat("a", "b"), other),
    DataError,
    "chats:1: the chat template does not write message 1",
  );
  assertThrows(
    () => tokenizeExample(chat("a", "b"), { ...MODEL, template: undefined }),
    DataError,
    "the model has no chat template",
  );
});
