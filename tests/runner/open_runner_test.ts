import { assertEquals, assertMatch, assertTrue } from "../assert.ts";
import { EpisodeError } from "../../src/errors.ts";
import {
  type EpisodeResult,
  OpenRunner,
  type OpenRunnerOptions,
  Runner,
} from "../../src/runner/mod.ts";
import { failure, finished, play, task } from "./_helpers.ts";

// deno-lint-ignore no-explicit-any -- answers are looked at field by field
type Json = any;

/** A runner whose session API is served, and an agent's way to it. */
interface Sessions extends AsyncDisposable {
  readonly runner: OpenRunner;
  post(
    path: string,
    options?: { readonly body?: unknown; readonly key?: string },
  ): Promise<{ readonly status: number; readonly body: Json }>;
}

function open(options: Partial<OpenRunnerOptions> = {}): Sessions {
  const runner = new OpenRunner({ key: "run-key", ...options });
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    async (request) =>
      await runner.handle(request) ?? new Response("{}", { status: 404 }),
  );
  return {
    runner,
    async post(path, { body, key = "run-key" } = {}) {
      const response = await fetch(
        `http://127.0.0.1:${server.addr.port}/v1/episodes${path}`,
        {
          method: "POST",
          headers: { Authorization: `Bearer ${key}` },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        },
      );
      return { status: response.status, body: await response.json() };
    },
    async [Symbol.asyncDispose]() {
      await runner[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

Deno.test("OpenRunner hands an episode to the agent that claims it, and takes its reward", async () => {
  await using sessions = open();
  let started = false;
  const running = play(sessions.runner, task("hello", { answer: 3 }), {
    onStart: () => started = true,
  });
  assertTrue(!started);
  const { body: claimed } = await sessions.post("");
  assertTrue(started);
  assertEquals({ ...claimed, id: "" }, {
    id: "",
    task: {
      id: "hello",
      query: "hello",
      metadata: { answer: 3 },
      split: "train",
    },
    base_url: "http://127.0.0.1:9/v1",
    api_key: "k",
    model: "policy",
  });
  const wrong = await sessions.post(`/${claimed.id}/end`, {
    body: { reward: "high" },
  });
  assertMatch(wrong.body.error.message, '"high" as reward');
  const silent = await sessions.post(`/${claimed.id}/end`);
  assertMatch(silent.body.error.message, "no reward");
  // The episode's own key ends it as well.
  const ended = await sessions.post(`/${claimed.id}/end`, {
    body: { reward: 0.5 },
    key: "k",
  });
  assertEquals([wrong.status, silent.status, ended.status], [400, 400, 200]);
  assertEquals(finished(await running).reward, 0.5);
  const again = await sessions.post(`/${claimed.id}/end`, {
    body: { reward: 1 },
  });
  assertEquals(again.status, 404);
  const twice = await sessions.post(`/${claimed.id}/end`, {
    body: { reward: 0.5 },
    key: "k",
  });
  assertEquals(twice.status, 401);
  assertMatch(twice.body.error.message, `episode ${claimed.id} has ended`);
});

Deno.test("OpenRunner says which method it takes, and what is wrong with a reward that is no number", async () => {
  const runner = new OpenRunner({ key: "run-key" });
  await using _ = runner;
  const url = "http://127.0.0.1/v1/episodes";
  assertEquals((await runner.handle(new Request(url)))!.status, 405);
  assertEquals(await runner.handle(new Request(`${url}s`)), undefined);
  const bare = (await runner.handle(new Request(url, { method: "POST" })))!;
  assertEquals(bare.status, 401);
  assertMatch((await bare.json()).error.message, "Authorization: Bearer KEY");
  const running = play(runner, task("x"));
  const ask = (path: string, body: string) =>
    runner.handle(
      new Request(url + path, {
        method: "POST",
        headers: { Authorization: "Bearer run-key" },
        body,
      }),
    );
  const { id } = await (await ask("/", "{}"))!.json();
  const refused = (await ask(`/${id}/end`, '{"reward": NaN}'))!;
  assertEquals(refused.status, 400);
  assertMatch((await refused.json()).error.message, "NaN as reward");
  assertEquals((await ask(`/${id}/end/`, '{"reward": 1}'))!.status, 200);
  assertEquals(finished(await running).reward, 1);
});

Deno.test("OpenRunner has agents wait for episodes, each served once", async () => {
  await using sessions = open();
  const claims = [sessions.post(""), sessions.post("")];
  const running = ["a", "b"].map((query) => play(sessions.runner, task(query)));
  const claimed = await Promise.all(claims);
  const queries = claimed.map(({ body }) => body.task.query);
  assertEquals(queries.sort(), ["a", "b"]);
  for (const { body } of claimed) {
    await sessions.post(`/${body.id}/end`, { body: { reward: 1 } });
  }
  const results: EpisodeResult[] = await Promise.all(running);
  assertEquals(results.map(({ kind }) => kind), ["finished", "finished"]);
  const late = await sessions.post("", { body: { wait: 0 } });
  assertEquals(late.status, 503);
  assertMatch(late.body.error.message, "ask again");
});

Deno.test("OpenRunner fails an episode that its agent gives up, and ends one that takes too long", async () => {
  await using sessions = open();
  const given = play(sessions.runner, task("x"));
  const { body: { id } } = await sessions.post("");
  await sessions.post(`/${id}/abort`, { body: { reason: "no browser" } });
  assertEquals(
    failure(await given, "workflow"),
    "The agent gave the episode up: no browser",
  );
  const cancel = new AbortController();
  const slow = play(sessions.runner, task("x"), { signal: cancel.signal });
  const { body: claimed } = await sessions.post("");
  cancel.abort(new EpisodeError("deadline", "too late"));
  assertEquals(failure(await slow, "deadline"), "too late");
  const { status } = await sessions.post(`/${claimed.id}/end`, {
    body: { reward: 1 },
  });
  assertEquals(status, 404);
});

Deno.test("OpenRunner lets nobody in without the key", async () => {
  await using sessions = open();
  const running = play(sessions.runner, task("x"));
  for (const key of ["", "run-kez", "k"]) {
    const { status, body } = await sessions.post("", { key });
    assertEquals(status, 401);
    assertMatch(body.error.message, "key");
  }
  const { body: { id } } = await sessions.post("");
  const { status } = await sessions.post(`/${id}/end`, {
    key: "wrong",
    body: { reward: 1 },
  });
  assertEquals(status, 401);
  await sessions.post(`/${id}/end`, { body: { reward: 1 } });
  await running;
});

Deno.test("OpenRunner asks the judge where an end leaves the reward open", async () => {
  const judge = await Runner.open({
    judge: "exact-match",
    gateway: "127.0.0.1:9",
    processes: 1,
  });
  await using sessions = open({ judge });
  const running = play(sessions.runner, task("x", { answer: 42 }));
  const { body: { id } } = await sessions.post("");
  await sessions.post(`/${id}/end`, { body: { metadata: { answer: "42" } } });
  assertEquals(finished(await running).reward, 1);
});
