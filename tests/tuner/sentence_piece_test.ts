import {
  ChatTemplate,
  mistralToolFormat,
  type Tokenizer,
} from "../../src/model/mod.ts";
import type { ChatModel } from "../../src/tuner/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import {
  CONVERSATIONS,
  SENTENCE_PIECES,
  sentencePiece,
  TEMPLATES,
  TOOLS,
} from "../model/_sentence_piece.ts";
import { chat, type Json, startGateway, streamChat } from "./_requests.ts";
import type { Script } from "./_scripted_engine.ts";

const EOS = 2;

/** A golden tokenizer with a template as Mistral's, Llama 2's and TinyLlama's models have them. */
function mistral(name: string, template: string): ChatModel {
  return {
    tokenizer: sentencePiece(name),
    template: new ChatTemplate(TEMPLATES[template]!, {
      variables: { bos_token: "<s>", eos_token: "</s>" },
    }),
    toolFormat: mistralToolFormat,
    eosIds: [EOS],
  };
}

/** Samples given ids in turn; those without an end are cut off by length. */
function inTurn(...samples: readonly (readonly number[])[]) {
  return (_: unknown, index: number): Script => ({
    tokens: samples[index]!,
    eos: null,
    finishReason: samples[index]!.at(-1) === EOS ? "stop" : "length",
  });
}

/** What ids say within a text, without the end of the turn. */
function said(tokenizer: Tokenizer, ids: readonly number[]): string {
  const shown = ids.at(-1) === EOS ? ids.slice(0, -1) : ids;
  return tokenizer.decode(shown, { continues: true });
}

Deno.test("Gateway prompts with the ids that transformers makes of a whole conversation, in one timeline, with tokenizers of the SentencePiece kind", async () => {
  for (const { name, conversations } of SENTENCE_PIECES) {
    for (const { template, turns } of conversations) {
      if (template === "tools.jinja") continue; // results name calls by ids of the gateway's own
      const where = `${name}, ${template}`;
      const model = mistral(name, template);
      await using test = await startGateway(
        inTurn(...turns.map(({ reply }) => reply)),
        { model },
      );
      const messages: Json[] = [];
      for (const message of CONVERSATIONS[template]!) {
        if (message.role === "user") {
          messages.push(message);
          continue;
        }
        const answer = await chat(test.session, { messages });
        messages.push(answer.choices[0].message);
      }
      assertEquals(
        test.engine.requests.map(({ tokens }) => tokens),
        turns.map(({ prompt }) => prompt),
        where,
      );
      assertEquals(test.session.tree.timelines().length, 1, where);
      assertEquals(
        messages.filter(({ role }) => role === "assistant")
          .map(({ content }) => content),
        turns.map(({ reply }) => said(model.tokenizer, reply)),
        where,
      );
    }
  }
});

Deno.test("Gateway keeps a conversation one timeline where the model writes other spaces than the template", async () => {
  for (const name of ["legacy", "first"]) {
    for (const template of ["instruct.jinja", "spaced.jinja", "turns.jinja"]) {
      const model = mistral(name, template);
      const { tokenizer } = model;
      const [x] = tokenizer.encode("x", { after: EOS + 8 });
      const replies = ["The answer", " The answer", "  4", "4 ", "\n4\n", ""]
        .map((text) => [...tokenizer.encode(text, { after: x! }), EOS]);
      await using test = await startGateway(inTurn(...replies), { model });
      const messages: Json[] = [];
      for (const at of replies.keys()) {
        messages.push({ role: "user", content: `${at}?` });
        const answer = await chat(test.session, { messages });
        messages.push(answer.choices[0].message);
      }
      const { calls } = test.session.tree;
      assertEquals(
        calls.map(({ branch }) => branch?.detail),
        replies.map(() => undefined),
      );
      assertEquals(test.session.tree.timelines().length, 1, template);
    }
  }
});

Deno.test("Gateway keeps calls and their results one timeline where the template tells calls from content, as Mistral's does", async () => {
  for (const { name, conversations } of SENTENCE_PIECES) {
    const golden = conversations
      .find(({ template }) => template === "tools.jinja");
    if (golden === undefined) continue;
    const model = mistral(name, "tools.jinja");
    await using test = await startGateway(
      inTurn(...golden.turns.map(({ reply }) => reply)),
      { model },
    );
    const messages: Json[] = [CONVERSATIONS["tools.jinja"]![0]];
    const calls: Json[] = [];
    for (const { prompt } of golden.turns) {
      const { choices: [{ message }] } = await chat(test.session, {
        messages,
        tools: TOOLS,
      });
      messages.push({
        ...message,
        content: message.content || null,
      });
      calls.push(message.tool_calls);
      for (const call of message.tool_calls ?? []) {
        messages.push({ role: "tool", tool_call_id: call.id, content: "4" });
      }
      const asked = test.engine.requests.at(-1)!.tokens;
      if (calls.length === 1) assertEquals(asked, prompt);
    }
    assertEquals(
      calls.map((call) => call?.map((one: Json) => one.function.arguments)),
      [['{"expression":"2 + 2"}'], [
        '{"expression":"2 + 2"}',
        '{"expression":"é\\n3"}',
      ], undefined],
    );
    assertEquals(messages.at(-1).content.trim(), "The answer is 4.");
    const { tree } = test.session;
    assertEquals(tree.calls.map(({ branch }) => branch), [
      undefined,
      undefined,
      undefined,
    ]);
    assertEquals(tree.timelines().length, 1, name);
    // What was sampled stands there as sampled; all else reads as the template writes it.
    const { tokenizer, template } = model;
    const rendered = template!.render(messages.slice(0, -1), {
      tools: TOOLS,
      addGenerationPrompt: true,
    });
    const squeezed = (text: string) =>
      text.replaceAll(/\s+|, "id": "\w+"/g, "");
    assertEquals(
      squeezed(tokenizer.decode(test.engine.requests[2]!.tokens)),
      squeezed(rendered),
    );
  }
});

Deno.test("Gateway goes on within a word where a sample was cut off, without a space between", async () => {
  const model = mistral("legacy", "turns.jinja");
  const { tokenizer } = model;
  const cut = tokenizer.encode("The answ", { after: 5 });
  await using test = await startGateway(inTurn(cut, [EOS]), { model });
  const messages = [{ role: "user", content: "x" }];
  const { choices: [{ message }] } = await chat(test.session, { messages });
  await chat(test.session, { messages: [...messages, message, ...messages] });
  const { tokens } = test.engine.requests[1]!;
  const rendered = model.template!.render(
    [...messages, message, ...messages] as Json[],
    { addGenerationPrompt: true },
  );
  assertEquals(tokens, tokenizer.encode(rendered));
});

Deno.test("Gateway streams, stops and reports replies with the spaces that stand in their tokens", async () => {
  const model = mistral("legacy", "turns.jinja");
  const { tokenizer } = model;
  const reply = [...tokenizer.encode("The answer is 4. 😀"), EOS];
  const text = " The answer is 4. 😀";
  assertEquals(said(tokenizer, reply), text);
  await using test = await startGateway({ tokens: reply, eos: null }, {
    model,
  });
  const { choices: [whole] } = await chat(test.session, { logprobs: true });
  assertEquals(whole.message.content, text);
  const bytes = whole.logprobs.content
    .slice(0, -1).flatMap(({ bytes }: Json) => bytes);
  assertEquals(bytes, [...new TextEncoder().encode(text)]);
  assertEquals(whole.logprobs.content[0].token, " The");
  const chunks = await streamChat(test.session);
  const streamed = chunks.map(({ choices: [choice] }) =>
    choice?.delta.content ?? ""
  );
  assertEquals(streamed.join(""), text);
  assertTrue(streamed.every((piece) => !piece.includes("\ufffd")));
  const { choices: [cut] } = await chat(test.session, { stop: [" is"] });
  assertEquals(cut.message.content, " The answer");
});
