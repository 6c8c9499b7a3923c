import { Tokenizer, trainBpe } from "../../src/model/mod.ts";
import { type Call, type Recorded, TokenTree } from "../../src/tracker/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { chat, type Json, startGateway, USER } from "./_requests.ts";
import { testModel, tokenId } from "./_test_model.ts";

/** A token tree that keeps the calls as the gateway hands them over. */
class SpyTree extends TokenTree {
  readonly handedOver: Call[] = [];

  override record(call: Call): Recorded {
    this.handedOver.push(call);
    return super.record(call);
  }
}

/** A tokenizer that counts the characters it encodes. */
class CountingTokenizer extends Tokenizer {
  characters = 0;

  override encode(text: string): number[] {
    this.characters += text.length;
    return super.encode(text);
  }
}

/** Numbers from 0 to `n` − 1, the same for the same seed. */
function randomNumbers(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0;
    return (state >>> 8) % n;
  };
}

function squeezed(text: string): string {
  return text.replaceAll(/\s+/g, "");
}

Deno.test("Gateway names the call that each prompt extends, and how far", async () => {
  await using test = await startGateway({ text: "Yes" });
  const tree = new SpyTree();
  const session = test.gateway.openEpisode({ seed: 1, tree });
  const messages: Json[] = [USER];
  for (let turn = 0; turn < 3; turn++) {
    messages.push((await chat(session, { messages })).choices[0].message, USER);
  }
  const [first, second, third] = tree.handedOver;
  const length = (call: Call) => call.prompt.length + call.tokens.length;
  assertEquals(first!.extends, undefined);
  assertEquals(second!.extends, { call: first!.id, length: length(first!) });
  assertEquals(third!.extends, { call: second!.id, length: length(second!) });
});

Deno.test("Gateway encodes what is new in a call, not its whole history", async () => {
  const json = trainBpe(["some words"], {
    vocabSize: 300,
    specialTokens: ["<|im_start|>", "<|im_end|>"],
  });
  const tokenizer = new CountingTokenizer(json);
  const model = {
    ...testModel(),
    tokenizer,
    eosIds: [tokenizer.tokenId("<|im_end|>")!],
  };
  const tokens = [...tokenizer.encode("An answer"), model.eosIds[0]!];
  await using test = await startGateway({
    tokens,
    eos: null,
    finishReason: "stop",
  }, { model });
  const messages: Json[] = [{ role: "user", content: "Start ".repeat(50) }];
  const encoded: number[] = [];
  for (let turn = 0; turn < 12; turn++) {
    tokenizer.characters = 0;
    const { choices: [{ message }] } = await chat(test.session, { messages });
    encoded.push(tokenizer.characters);
    messages.push(message, { role: "user", content: `Question ${turn + 10}` });
  }
  assertTrue(encoded[0]! > 300);
  assertEquals(new Set(encoded.slice(2)).size, 1, String(encoded));
  assertTrue(encoded[11]! < 100, String(encoded));
});

Deno.test("Gateway prompts with the conversation it was sent, whatever an agent does to it", async () => {
  const random = randomNumbers(7);
  const words = [
    "yes",
    "no ",
    "\n\nmaybe ✓",
    "é́",
    " 日本\t",
    "{}",
    "<think>",
    "1 + 1",
  ];
  const some = () =>
    Array.from({ length: random(4) }, () => words[random(words.length)]).join(
      " ",
    );
  await using test = await startGateway(() => ({
    text: some(),
    eos: [tokenId("<|im_end|>"), null, tokenId("<|endoftext|>")][random(3)]!,
  }));
  const { tokenizer, template } = test.model;
  const pasts: Json[][] = [[{ role: "user", content: "Start" }]];
  for (let call = 0; call < 150; call++) {
    const messages = structuredClone(pasts[random(pasts.length)]!);
    if (random(4) === 0) {
      const changed = messages[random(messages.length)];
      changed.content = some();
    }
    if (random(6) === 0) messages.splice(random(messages.length), 1);
    messages.push({ role: "user", content: some() });
    const answer = await chat(test.session, {
      messages,
      model: `policy:a${random(2)}`,
    });
    pasts.push([...messages, answer.choices[0].message]);

    const { tokens } = test.engine.requests.at(-1)!;
    const rendered = template!.render(messages, { addGenerationPrompt: true });
    assertEquals(
      squeezed(tokenizer.decode(tokens)),
      squeezed(rendered),
      `call ${call}`,
    );
    const recorded = test.session.tree.calls.at(-1)!;
    const path = Array.from(
      test.session.tree.path(recorded.leaf),
      (node) => test.session.tree.tokens[node]!,
    );
    assertEquals(path.slice(0, recorded.promptLength), tokens);
    assertTrue(path.length === recorded.promptLength + recorded.sampledLength);
  }
  assertTrue(test.session.tree.timelines().length > 1);
});
