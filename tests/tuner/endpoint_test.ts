import { UserError } from "../../src/errors.ts";
import {
  ChatEndpoint,
  type EpisodeSession,
  Gateway,
} from "../../src/tuner/mod.ts";
import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { type EndpointReply, TestEndpoint } from "./_endpoint.ts";
import { OpenAI } from "./_openai.ts";
import { CALCULATOR, type Json, postChat, USER } from "./_requests.ts";

/** Runs a test with an episode of a gateway before an endpoint that gives `reply`. */
async function withEpisode(
  reply: (body: Json, index: number) => EndpointReply,
  test: (session: EpisodeSession, endpoint: TestEndpoint) => Promise<void>,
  refused: readonly string[] = [],
): Promise<void> {
  await using server = new TestEndpoint(reply, refused);
  const { url } = server;
  const endpoint = new ChatEndpoint({ url, model: "there", apiKey: "sk-test" });
  await endpoint.check();
  await using gateway = await Gateway.start({ endpoint });
  const sampling = { temperature: 0.5, topP: 1, topK: 0, maxTokens: 64 };
  await test(gateway.openEpisode({ seed: 1, sampling }), server);
}

const tool = { id: "call_1", name: "calculator", arguments: '{"a":1}' };

/** A server that lists models at `/v1/models`, and has nothing else. */
function serveModels(
  ...names: readonly string[]
): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve(
    { port: 0, onListen() {} },
    ({ url }) =>
      new URL(url).pathname === "/v1/models"
        ? Response.json({ data: names.map((id) => ({ id })) })
        : new Response("Not found", { status: 404 }),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("Gateway passes a tool loop on to an endpoint, streamed or not", async () => {
  const replies = [
    { texts: ["Let ", "me see"], toolCalls: [tool] },
    { texts: ["It ", "is 2"] },
  ];
  for (const stream of [true, false]) {
    await withEpisode(
      (_, index) => replies[index]!,
      async (session, { bodies }) => {
        const { baseUrl: baseURL, apiKey, model } = session;
        const client = new OpenAI({ baseURL, apiKey });
        const messages: Json[] = [USER];
        const ask = async (): Promise<Json> => {
          const asked = { model, messages, tools: [CALCULATOR] } as Json;
          const completion = stream
            ? await client.chat.completions.stream(asked).finalChatCompletion()
            : await client.chat.completions.create(asked);
          return completion.choices[0];
        };
        const first = await ask();
        assertEquals(first.finish_reason, "tool_calls");
        assertEquals(first.message.tool_calls[0].function.arguments, '{"a":1}');
        messages.push(first.message, {
          role: "tool",
          tool_call_id: "call_1",
          content: "2",
        });
        assertEquals((await ask()).message.content, "It is 2");

        assertEquals(bodies[0].model, "there");
        assertEquals(bodies[0].temperature, 0.5);
        assertEquals(bodies[0].max_tokens, 64);
        assertEquals("top_k" in bodies[0], false);
        assertEquals(bodies[1].messages.at(-1).content, "2");
        const { calls } = session.tree;
        assertEquals(calls.map(({ sampledLength }) => sampledLength), [0, 0]);
        assertMatch(calls[0]!.untrainable!, "no token ids");
        // The second request goes on from the first one's reply.
        const nodes = session.messages.nodes;
        const { prompt } = session.messages.find(calls[1]!.id)!;
        const { reply } = session.messages.find(calls[0]!.id)!;
        assertEquals(nodes[prompt]!.parent, reply);
        assertEquals(session.requests.map((request) => request.promptTokens), [
          11,
          11,
        ]);
      },
    );
  }
});

Deno.test("Gateway keeps the token ids that an endpoint gives, and merges by them", async () => {
  const ids = [
    { prompt: [1, 2], tokens: [3, 4], logprobs: [-0.5, -1] },
    { prompt: [1, 2, 3, 4, 5], tokens: [6], logprobs: [-2] },
  ];
  await withEpisode(
    (_, index) => ({ texts: ["Hi"], ids: ids[index]! }),
    async (session) => {
      for (const _ of ids) await (await postChat(session)).body?.cancel();
      const [first, second] = session.tree.calls;
      assertEquals(first!.untrainable, undefined);
      assertEquals([second!.shared, second!.added], [4, 2]);
      assertEquals([...second!.logprobs], [-2]);
      assertEquals(session.tree.timelines().length, 1);
    },
  );
});

Deno.test("Gateway leaves out what an endpoint refuses, and asks for it no more", async () => {
  await withEpisode(
    () => ({ texts: ["Hi"] }),
    async (session, { bodies }) => {
      for (let turn = 0; turn < 2; turn++) {
        const { choices } = await (await postChat(session)).json();
        assertEquals(choices[0].message.content, "Hi");
      }
      const asked = bodies.map((body) => "return_token_ids" in body);
      assertEquals(asked, [true, false, false]);
    },
    ["return_token_ids"],
  );
});

Deno.test("Gateway streams what an endpoint sends at once", async () => {
  await withEpisode(
    () => ({ texts: ["It is 2"], whole: true }),
    async (session) => {
      const { baseUrl: baseURL, apiKey, model } = session;
      const client = new OpenAI({ baseURL, apiKey });
      const { choices } = await client.chat.completions
        .stream({ model, messages: [{ role: "user", content: "1 + 1?" }] })
        .finalChatCompletion();
      assertEquals(choices[0]!.message.content, "It is 2");
    },
  );
});

Deno.test("Gateway joins an endpoint's reasoning to the reply, and sends it apart where asked", async () => {
  const reply = { thoughts: ["One and ", "one"], texts: ["It ", "is 2"] };
  await withEpisode(() => reply, async (session) => {
    const message = async (body: Json): Promise<Json> =>
      (await (await postChat(session, body)).json()).choices[0].message;
    const joined = await message({});
    assertEquals(joined.content, "<think>\nOne and one\n</think>\n\nIt is 2");
    const apart = await message({ separate_reasoning: true });
    assertEquals(
      [apart.reasoning_content, apart.content],
      ["One and one", "It is 2"],
    );
    const body = { stream: true, separate_reasoning: true };
    const streamed = await (await postChat(session, body)).text();
    const deltas = streamed.split("\n").filter((line) =>
      line.startsWith("data: {")
    )
      .map((line) => JSON.parse(line.slice(6)).choices[0]?.delta ?? {});
    const all = (field: string) =>
      deltas.map((delta) => delta[field] ?? "").join("");
    assertEquals(
      [all("reasoning_content"), all("content")],
      ["One and one", "It is 2"],
    );
  });
});

Deno.test("Gateway tells the agent in whose words an endpoint failed", async () => {
  const failures: readonly [EndpointReply, number, string][] = [
    [{ status: 500 }, 503, "answered 500: The model is unwell"],
    [{ status: 404 }, 400, "answered 404: The model is unwell"],
    [{ texts: ["Hi"], breaksOff: true }, 503, "without a finish_reason"],
  ];
  for (const [reply, status, words] of failures) {
    await withEpisode(() => reply, async (session) => {
      const response = await postChat(session);
      assertEquals(response.status, status);
      assertMatch((await response.json()).error.message, words);
      assertMatch(session.requests[0]!.error!, words);
      assertEquals(session.tree.calls.length, 0);
    });
  }
});

Deno.test("ChatEndpoint.check() says what is wrong before anything runs", async () => {
  await using server = new TestEndpoint(() => ({}));
  const wrong = new ChatEndpoint({ url: server.url, model: "m" });
  await assertRejects(() => wrong.check(), UserError, "engine.api_key_env");
  await using fake = serveModels("one", "two");
  const guess = new ChatEndpoint({ url: `${fake.url}/v1`, model: "m" });
  await guess.check();
  await assertRejects(
    () => guess.check({ listed: true }),
    UserError,
    'does not list a model "m": set engine.model to one of its own, such as one, two',
  );
  const known = new ChatEndpoint({ url: `${fake.url}/v1`, model: "two" });
  await known.check({ listed: true });
  await assertRejects(
    () => new ChatEndpoint({ url: fake.url, model: "two" }).check(),
    UserError,
    "ends in /v1 at most servers",
  );
  const away = new TestEndpoint(() => ({}));
  const { url } = away;
  await away[Symbol.asyncDispose]();
  await assertRejects(
    () => new ChatEndpoint({ url, model: "m" }).check(),
    UserError,
    `Cannot reach engine.url ${url}: tcp connect error`,
  );
});
