import { fileURLToPath } from "node:url";
import { DataError } from "../../src/errors.ts";
import { ChatTemplate, loadModelFolder } from "../../src/model/mod.ts";
import { type Example, tokenizeExample } from "../../src/offline/mod.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import {
  CONVERSATIONS,
  SENTENCE_PIECES,
  sentencePiece,
  TEMPLATES,
  TOOLS,
} from "../model/_sentence_piece.ts";

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

Deno.test("tokenizeExample() gives the ids that transformers makes of a whole conversation, with tokenizers of the SentencePiece kind", () => {
  for (const { name, conversations } of SENTENCE_PIECES) {
    for (const { template, turns } of conversations) {
      const { tree } = tokenizeExample({
        kind: "chat",
        where: "chats:1",
        messages: CONVERSATIONS[template]!,
        tools: template === "tools.jinja" ? TOOLS : [],
        from: 0,
      }, {
        tokenizer: sentencePiece(name),
        template: new ChatTemplate(TEMPLATES[template]!, {
          variables: { bos_token: "<s>", eos_token: "</s>" },
        }),
        eosIds: [2],
      });
      const [timeline, ...others] = tree.timelines();
      assertEquals(others, []);
      const { prompt, reply } = turns.at(-1)!;
      assertEquals([...timeline!.tokens], [...prompt, ...reply], template);
      const trained = [...timeline!.tokens]
        .filter((_, at) => timeline!.trained[at]);
      assertEquals(trained, turns.flatMap(({ reply }) => reply), template);
    }
  }
});

Deno.test("tokenizeExample() begins a text as its tokenizer does, and goes on from the prompt without a space that neither has", () => {
  for (const name of ["legacy", "first", "always, split"]) {
    const tokenizer = sentencePiece(name);
    const given = { kind: "text", where: "texts:1" } as const;
    for (
      const [prompt, completion] of [["How many", " apples?"], ["", "Tom"], [
        "x</s>",
        "y",
      ]] as const
    ) {
      const { tree } = tokenizeExample({ ...given, prompt, completion }, {
        tokenizer,
        template: undefined,
        eosIds: [2],
      });
      assertEquals(
        [...tree.timelines()[0]!.tokens],
        [...tokenizer.encodeWhole(prompt + completion), 2],
        `${name}: ${prompt}`,
      );
    }
  }
});
