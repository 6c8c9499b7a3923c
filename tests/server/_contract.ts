import { openVllm, type Sampling } from "../../src/engine/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { ADAPTER_CONTRACT } from "./_adapter_contract.ts";
import {
  asked,
  assertClose,
  complete,
  type Contract,
  errorOf,
  type Json,
  post,
  PROMPT,
  request,
  stream,
} from "./_client.ts";

/** What one client may expect of every server: checked against ours, and against a real vLLM. */
export const CONTRACT: readonly Contract[] = [
  {
    name: "says that it is well, which version it is and how busy",
    async check({ url, model }) {
      const health = await fetch(`${url}/health`);
      await health.body?.cancel();
      assertEquals(health.status, 200);
      const { version } = await (await fetch(`${url}/version`)).json();
      assertTrue(/^\d+\.\d+/.test(version), version);
      const { data } = await (await fetch(`${url}/v1/models`)).json();
      const [served] = data;
      assertEquals([served.id, served.object, served.parent], [
        model,
        "model",
        null,
      ]);
      assertTrue(served.max_model_len > 16);
      const answer = await fetch(`${url}/metrics`);
      assertMatch(
        answer.headers.get("content-type")!,
        /^text\/plain; version=/,
      );
      const metrics = await answer.text();
      for (
        const name of [
          "process_start_time_seconds",
          "vllm:num_requests_running",
          "vllm:num_requests_waiting",
        ]
      ) {
        assertTrue(
          new RegExp(`^${name}(\\{.*\\})? [0-9.e+]+$`, "m").test(metrics),
          name,
        );
      }
    },
  },
  {
    name: "completes token ids, with as many ids as logprobs as usage",
    async check(server) {
      const answer = await complete(server);
      assertEquals([answer.object, answer.model], [
        "text_completion",
        server.model,
      ]);
      const [choice] = answer.choices;
      assertEquals(choice.prompt_token_ids, PROMPT);
      assertEquals(choice.token_ids.length, 12);
      assertEquals([choice.finish_reason, choice.stop_reason], [
        "length",
        null,
      ]);
      const { tokens, token_logprobs, text_offset, top_logprobs } =
        choice.logprobs;
      for (const list of [tokens, token_logprobs, text_offset, top_logprobs]) {
        assertEquals(list.length, 12);
      }
      assertTrue(token_logprobs.every((logprob: number) => logprob <= 0));
      assertEquals(
        [
          answer.usage.prompt_tokens,
          answer.usage.completion_tokens,
          answer.usage.total_tokens,
        ],
        [4, 12, 16],
      );
    },
  },
  {
    name: "repeats itself with the same seed, and not with another",
    async check(server) {
      const [first, second, other] = await Promise.all(
        [11, 11, 12].map((seed) => complete(server, { seed })),
      );
      assertEquals(second.choices[0].token_ids, first.choices[0].token_ids);
      assertTrue(
        other.choices[0].token_ids.join() !== first.choices[0].token_ids.join(),
      );
    },
  },
  {
    name:
      "streams the same ids, logprobs and text that it answers in one piece",
    async check(server) {
      const whole = (await complete(server)).choices[0];
      const events = await stream(
        server,
        "/v1/completions",
        asked({
          stream_options: { include_usage: true, continuous_usage_stats: true },
        }),
      );
      const usage = events.pop();
      assertEquals(usage.choices, []);
      assertEquals(usage.usage.completion_tokens, 12);
      const choices = events.map(({ choices }) => choices[0]);
      assertEquals(choices[0].prompt_token_ids, PROMPT);
      assertTrue(
        choices.slice(1).every((choice) => choice.prompt_token_ids === null),
      );
      assertEquals(
        choices.flatMap(({ token_ids }) => token_ids),
        whole.token_ids,
      );
      assertEquals(choices.map(({ text }) => text).join(""), whole.text);
      assertClose(
        choices.flatMap(({ logprobs }) => logprobs?.token_logprobs ?? []),
        whole.logprobs.token_logprobs,
      );
      const ends = choices.map(({ finish_reason }) => finish_reason);
      assertEquals(ends.pop(), "length");
      assertTrue(ends.every((end) => end === null));
      assertTrue(
        choices.slice(0, -1).every(({ token_ids }) => token_ids.length),
      );
      let count = 0;
      for (const [at, { usage }] of events.entries()) {
        count += choices[at].token_ids.length;
        assertEquals(usage.completion_tokens, count);
      }
    },
  },
  {
    name:
      "completes batches in their order: of texts, of ids, and several of each",
    async check(server) {
      const ids = await complete(server, {
        prompt: [[5, 6], [7, 8, 9]],
        n: 2,
        max_tokens: 3,
      });
      assertEquals(ids.choices.map(({ index }: Json) => index), [0, 1, 2, 3]);
      assertEquals(
        ids.choices.map((choice: Json) => choice.prompt_token_ids.length),
        [2, 2, 3, 3],
      );
      assertEquals(ids.usage.completion_tokens, 12);
      const texts = await complete(server, {
        prompt: ["12", "a b"],
        max_tokens: 2,
      });
      for (const [at, prompt] of ["12", "a b"].entries()) {
        const { tokens } = await post(server, "/tokenize", { prompt });
        assertEquals(texts.choices[at].prompt_token_ids, tokens);
      }
      const one = await complete(server, { prompt: "12", max_tokens: 2 });
      assertEquals(one.choices.length, 1);
    },
  },
  {
    name:
      "scores prompts, by prompt_logprobs and by echo, as it scores what it samples",
    async check(server) {
      const sampled = (await complete(server)).choices[0];
      const prompt = [...PROMPT, ...sampled.token_ids];
      const scored =
        (await complete(server, { prompt, max_tokens: 1, prompt_logprobs: 0 }))
          .choices[0].prompt_logprobs;
      assertEquals([scored.length, scored[0]], [prompt.length, null]);
      const logprobs = scored.slice(1).map((entry: Json, at: number) =>
        entry[prompt[at + 1]!].logprob
      );
      assertClose(
        logprobs.slice(PROMPT.length - 1),
        sampled.logprobs.token_logprobs,
      );
      const echoed =
        (await complete(server, { prompt, max_tokens: 1, echo: true }))
          .choices[0].logprobs.token_logprobs;
      assertEquals([echoed.length, echoed[0]], [prompt.length + 1, null]);
      assertClose(echoed.slice(1, prompt.length), logprobs);
    },
  },
  {
    name: "ends at a stop token, which is the last id",
    async check(server) {
      const free = (await complete(server)).choices[0].token_ids;
      const at = free.findIndex((id: number, at: number) =>
        at > 1 && free.indexOf(id) === at
      );
      const ended = await complete(server, { stop_token_ids: [free[at]] });
      const [choice] = ended.choices;
      assertEquals(choice.token_ids, free.slice(0, at + 1));
      assertEquals([choice.finish_reason, choice.stop_reason], [
        "stop",
        free[at],
      ]);
      assertEquals(ended.usage.completion_tokens, at + 1);
    },
  },
  {
    name: "ends before a stop text, streamed or not",
    async check(server) {
      const text: string = (await complete(server)).choices[0].text;
      const stop = [...text].find((char, at) =>
        at > 1 && char >= " " && char <= "~"
      );
      assertTrue(
        stop !== undefined,
        `no character to stop at in ${JSON.stringify(text)}`,
      );
      const shown = text.slice(0, text.indexOf(stop));
      const [choice] = (await complete(server, { stop: [stop] })).choices;
      assertEquals([choice.text, choice.finish_reason, choice.stop_reason], [
        shown,
        "stop",
        stop,
      ]);
      const events = await stream(
        server,
        "/v1/completions",
        asked({ stop: [stop] }),
      );
      assertEquals(
        events.map(({ choices }) => choices[0].text).join(""),
        shown,
      );
      assertEquals(events.at(-1).choices[0].finish_reason, "stop");
    },
  },
  {
    name: "turns text into ids and back, messages too",
    async check(server) {
      const { tokens, count, max_model_len } = await post(server, "/tokenize", {
        prompt: "12 + 34",
      });
      assertEquals(count, tokens.length);
      assertTrue(max_model_len > 16);
      const { prompt } = await post(server, "/detokenize", { tokens });
      assertEquals(prompt, "12 + 34");
      const messages = [{ role: "user", content: "12 + 34" }];
      const open = await post(server, "/tokenize", { messages });
      const shut = await post(server, "/tokenize", {
        messages,
        add_generation_prompt: false,
      });
      assertEquals(open.tokens.slice(0, shut.count), shut.tokens);
      assertTrue(open.count > shut.count);
    },
  },
  {
    name: "chats, and returns the ids of prompt and reply, streamed or not",
    async check(server) {
      const messages = [{ role: "user", content: "12 + 34" }];
      const body = {
        messages,
        max_tokens: 10,
        temperature: 1,
        seed: 5,
        logprobs: true,
        top_logprobs: 0,
        return_token_ids: true,
      };
      const answer = await post(server, "/v1/chat/completions", body);
      const [choice] = answer.choices;
      const { tokens } = await post(server, "/tokenize", { messages });
      assertEquals(answer.prompt_token_ids, tokens);
      assertEquals(choice.token_ids.length, answer.usage.completion_tokens);
      assertEquals(choice.logprobs.content.length, choice.token_ids.length);
      assertEquals(answer.usage.prompt_tokens, tokens.length);
      const events = await stream(server, "/v1/chat/completions", {
        ...body,
        stream_options: { include_usage: true },
      });
      assertEquals(events[0].prompt_token_ids, tokens);
      assertEquals(events[0].choices[0].delta.role, "assistant");
      assertEquals(
        events.at(-1).usage.completion_tokens,
        choice.token_ids.length,
      );
      const streamed = events.flatMap(({ choices }) => choices);
      assertEquals(
        streamed.flatMap(({ token_ids }) => token_ids ?? []),
        choice.token_ids,
      );
      assertEquals(
        streamed.map(({ delta }) => delta.content ?? "").join(""),
        choice.message.content,
      );
      assertEquals(
        streamed.flatMap(({ logprobs }) => logprobs?.content ?? []).length,
        choice.token_ids.length,
      );
    },
  },
  {
    name: "refuses what it cannot do, in OpenAI's error object",
    async check(server) {
      const path = "/v1/completions";
      const long = Array.from({ length: 5000 }, () => 5);
      assertEquals(await errorOf(server, path, asked({ model: "nobody" })), [
        404,
        "string",
      ]);
      for (const body of [{ prompt: "12" }, { tokens: [5] }]) {
        const path = "prompt" in body ? "/tokenize" : "/detokenize";
        const wrong = { ...body, model: "nobody" };
        assertEquals(await errorOf(server, path, wrong), [404, "string"]);
      }
      assertEquals(await errorOf(server, path, asked({ prompt: long })), [
        400,
        "string",
      ]);
      assertEquals(await errorOf(server, path, asked({ temperature: -1 })), [
        400,
        "string",
      ]);
      assertEquals(await errorOf(server, path, asked({ logprobs: "many" })), [
        400,
        "string",
      ]);
      assertEquals(
        await errorOf(server, path, asked({ prompt: [5, 99_999_999] })),
        [400, "string"],
      );
      assertEquals(
        await errorOf(server, path, asked({ stream: true, prompt: long })),
        [400, "string"],
      );
    },
  },
  {
    name: "stops sampling for a client that goes away",
    async check({ url, model }) {
      const response = await request(url, "/v1/completions", {
        model,
        ...asked({ max_tokens: 200, stream: true }),
      });
      const reader = response.body!.getReader();
      await reader.read();
      await reader.cancel();
      for (;;) {
        const metrics = await (await fetch(`${url}/metrics`)).text();
        if (/^vllm:num_requests_running(\{.*\})? 0/m.test(metrics)) return;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
  },
  {
    name:
      "is an engine: what it samples and what it scores agree, to the token",
    async check({ url, model }) {
      await using vllm = await openVllm({ urls: [url] });
      assertEquals(vllm.servers[0]!.model, model);
      const generations = await Promise.all(
        Array.from(
          { length: 8 },
          (_, seed) =>
            vllm.engine.generate({
              tokens: PROMPT,
              sampling: { ...SAMPLING, seed },
            }),
        ),
      );
      const sequences = generations.map(({ tokens }) => [...PROMPT, ...tokens]);
      const scored = await vllm.engine.score(sequences);
      generations.forEach(({ logprobs, invalid, tokens }, at) => {
        assertEquals([invalid, tokens.length], [undefined, SAMPLING.maxTokens]);
        assertClose(logprobs, [...scored[at]!.subarray(PROMPT.length)]);
      });
      assertEquals(vllm.stats, { generations: 8, failures: {}, invalid: 0 });
    },
  },
  ...ADAPTER_CONTRACT,
];

const SAMPLING: Sampling = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  seed: 0,
  maxTokens: 20,
  stopTokens: [],
};
