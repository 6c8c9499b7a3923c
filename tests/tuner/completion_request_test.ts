import { Tokenizer, trainBpe } from "../../src/model/mod.ts";
import { ApiError } from "../../src/tuner/mod.ts";
import { parseCompletionRequest } from "../../src/tuner/_completion_request.ts";
import { detokenize, tokenize } from "../../src/tuner/_tokenize.ts";
import { assertEquals, assertThrows, assertTrue } from "../assert.ts";
import { testModel } from "./_test_model.ts";

Deno.test("parseCompletionRequest() refuses what would change the answer, and takes what it serves", () => {
  const { tokenizer } = testModel();
  const parse = (fields: object) =>
    parseCompletionRequest({ prompt: "Hi", ...fields }, tokenizer);
  const refused: readonly object[] = [
    { best_of: 2 },
    { suffix: "b" },
    { bad_words: ["no"] },
    { allowed_token_ids: [3] },
    { response_format: { type: "json_object" } },
    { guided_json: {} },
    { structured_outputs: { choice: ["x"] } },
    { truncate_prompt_tokens: 1 },
    { use_beam_search: true },
    { include_stop_str_in_output: true },
    { skip_special_tokens: false },
    { prompt_embeds: "xx" },
    { return_tokens_as_token_ids: true },
  ];
  for (const fields of refused) {
    const [param] = Object.keys(fields);
    const error = assertThrows(() => parse(fields), ApiError);
    assertEquals([error.status, error.toJSON().error.param], [400, param]);
  }
  const served = parse({
    echo: true,
    ignore_eos: true,
    prompt_logprobs: 0,
    stop_token_ids: [5],
    best_of: 1,
    response_format: { type: "text" },
  });
  assertEquals([served.echo, served.ignoreEos, served.promptLogprobs], [
    true,
    true,
    true,
  ]);
  assertEquals(served.stopTokens, [5]);
});

Deno.test("detokenize() refuses ids that are no tokens, in place of leaving them out", () => {
  const model = testModel();
  const last = model.tokenizer.vocabSize - 1;
  const served = { model, modelName: "tiny", adapters: undefined };
  assertEquals(detokenize({ tokens: [last] }, served).status, 200);
  const error = assertThrows(
    () => detokenize({ tokens: [last, last + 1] }, served),
    ApiError,
  );
  assertEquals([error.status, error.toJSON().error.param], [400, "tokens"]);
});

Deno.test("A text has the special tokens that its tokenizer puts around one, messages those of their template, unless asked otherwise", async () => {
  const json = trainBpe(["Hi"], { vocabSize: 300, specialTokens: ["<s>"] });
  const bos = new Tokenizer(json).tokenId("<s>")!;
  const tokenizer = new Tokenizer({
    ...json,
    post_processor: {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>" } }, { Sequence: { id: "A" } }],
      special_tokens: { "<s>": { ids: [bos] } },
    },
  });
  const hi = tokenizer.encode("Hi");
  const promptOf = (fields: object) =>
    parseCompletionRequest({ prompt: "Hi", ...fields }, tokenizer).prompts[0];
  assertEquals(promptOf({}), [bos, ...hi]);
  assertEquals(promptOf({ add_special_tokens: false }), hi);
  assertEquals(promptOf({ prompt: hi }), hi);
  const served = {
    model: { ...testModel(), tokenizer },
    modelName: "tiny",
    adapters: undefined,
    maxContext: 4096,
  };
  const idsOf = async (body: object) =>
    (await tokenize(body, served).json()).tokens;
  assertEquals(await idsOf({ prompt: "Hi" }), [bos, ...hi]);
  assertEquals(await idsOf({ prompt: "Hi", add_special_tokens: false }), hi);
  const messages = [{ role: "user", content: "Hi" }];
  const chat = await idsOf({ messages });
  assertTrue(chat[0] !== bos);
  assertEquals(await idsOf({ messages, add_special_tokens: true }), [
    bos,
    ...chat,
  ]);
});

Deno.test("tokenize() and detokenize() refuse a model that is not there, as completions do", () => {
  const served = {
    model: testModel(),
    modelName: "tiny",
    adapters: undefined,
    maxContext: 4096,
  };
  const tokens = served.model.tokenizer.encode("Hi");
  for (const ask of [{ prompt: "Hi" }, { tokens }]) {
    const run = "prompt" in ask ? tokenize : detokenize;
    assertEquals(run(ask, served).status, 200);
    assertEquals(run({ ...ask, model: "tiny" }, served).status, 200);
    const error = assertThrows(
      () => run({ ...ask, model: "nobody" }, served),
      ApiError,
    );
    assertEquals([error.status, error.toJSON().error.param], [404, "model"]);
  }
});
