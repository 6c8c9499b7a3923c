import { ApiError, parseChatRequest } from "../../src/tuner/mod.ts";
import { assertEquals, assertMatch, assertThrows } from "../assert.ts";
import { CALCULATOR, type Json, USER } from "./_requests.ts";

const PLAIN = { model: "policy", messages: [USER] };

/** The error object with which `body` is refused. */
function refusal(body: unknown): Json {
  const error = assertThrows(() => parseChatRequest(body), ApiError);
  assertEquals(error.status, 400);
  return error.toJSON().error;
}

Deno.test("parseChatRequest() fills in what is left out or null, and ignores what it does not know", () => {
  const expected = {
    model: "policy",
    messages: [USER],
    tools: [],
    toolChoice: { kind: "auto" },
    parallelToolCalls: true,
    stream: false,
    includeUsage: false,
    n: 1,
    stop: [],
    logprobs: false,
    sampling: {},
  };
  assertEquals<unknown>(parseChatRequest(PLAIN), expected);
  const nothing = {
    tools: null,
    n: null,
    stop: null,
    seed: null,
    audio: null,
    logit_bias: {},
    best_of: 1,
    bad_words: [],
    skip_special_tokens: true,
    add_generation_prompt: true,
    echo: false,
    guided_json: null,
    presence_penalty: 0,
    store: true,
    metadata: { a: "b" },
    modalities: ["text"],
  };
  assertEquals<unknown>(parseChatRequest({ ...PLAIN, ...nothing }), expected);
});

Deno.test("parseChatRequest() brings messages into one form", () => {
  const { messages } = parseChatRequest({
    ...PLAIN,
    messages: [
      { role: "developer", content: "Rules" },
      {
        role: "user",
        content: [{ type: "text", text: "a" }, { type: "text", text: "b" }],
        name: "Ann",
      },
      { role: "assistant", content: null, tool_calls: [], refusal: null },
      { role: "tool", content: "3", tool_call_id: "x" },
    ],
  });
  assertEquals<unknown>(messages, [
    { role: "system", content: "Rules" },
    { role: "user", content: "a\nb", name: "Ann" },
    { refusal: null, role: "assistant", content: "" },
    { role: "tool", content: "3", tool_call_id: "x" },
  ]);
});

Deno.test("parseChatRequest() refuses what cannot be honoured, by field and with a way out", () => {
  const cases: readonly (readonly [object, string, string])[] = [
    [{ messages: [] }, "messages", "messages: "],
    [
      { messages: [{ role: "robot", content: "" }] },
      "messages[0].role",
      "messages[0].role",
    ],
    [
      { messages: [{ role: "user", content: 3 }] },
      "messages[0].content",
      "must be text or a list of parts",
    ],
    [
      {
        messages: [{
          role: "user",
          content: [{ type: "image_url", image_url: {} }],
        }],
      },
      "messages[0].content[0]",
      '"image_url"',
    ],
    [{ model: 3 }, "model", "expected string"],
    [{ temperature: 3 }, "temperature", "<=2"],
    [{ n: 0 }, "n", ">=1"],
    [{ max_tokens: 0 }, "max_tokens", ">=1"],
    [{ stop: 3 }, "stop", "none empty"],
    [{ logprobs: true, top_logprobs: 2 }, "top_logprobs", "must be 0"],
    [
      { response_format: { type: "json_schema" } },
      "response_format",
      "ask for JSON in the prompt",
    ],
    [{ tool_choice: "required" }, "tool_choice", "needs tools"],
    [
      {
        tool_choice: { type: "function", function: { name: "x" } },
        tools: [CALCULATOR],
      },
      "tool_choice",
      '"x"',
    ],
    [
      { tools: [{ type: "function", function: {} }] },
      "tools[0].function.name",
      "expected string",
    ],
    [{ functions: [{}] }, "functions", 'send "tools" instead'],
    [{ audio: {} }, "audio", "only text"],
    [{ modalities: ["text", "audio"] }, "modalities", "only text"],
    [{ logit_bias: { "5": 1 } }, "logit_bias", "the policy itself"],
    [{ presence_penalty: 0.5 }, "presence_penalty", "the policy itself"],
    [{ bad_words: ["no"] }, "bad_words", "the policy itself"],
    [{ allowed_token_ids: [3] }, "allowed_token_ids", "the policy itself"],
    [{ best_of: 2 }, "best_of", "ask for n"],
    [{ stop_token_ids: [5] }, "stop_token_ids", 'send texts as "stop"'],
    [{ structured_outputs: { regex: "a" } }, "structured_outputs", "a tool"],
    [{ guided_regex: "a" }, "guided_regex", "ask for JSON in the prompt"],
    [{ echo: true }, "echo", "/v1/completions has it"],
    [{ prompt_logprobs: 0 }, "prompt_logprobs", "/v1/completions has it"],
    [{ add_generation_prompt: false }, "add_generation_prompt", "a turn"],
    [{ chat_template: "x" }, "chat_template", "chat template"],
    [{ truncate_prompt_tokens: 3 }, "truncate_prompt_tokens", "the context"],
    [
      { chat_template_kwargs: { enable_thinking: false } },
      "chat_template_kwargs",
      "set once",
    ],
  ];
  for (const [body, param, message] of cases) {
    const error = refusal({ ...PLAIN, ...body });
    assertEquals([error.type, error.param], ["invalid_request_error", param]);
    assertMatch(error.message, message);
  }
  assertMatch(refusal([]).message, "The request body: ");
});
