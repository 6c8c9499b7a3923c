import { assertEquals, assertMatch } from "../assert.ts";
import { EpisodeError } from "../../src/errors.ts";
import { HttpRunner, workflowJsonSchemas } from "../../src/runner/mod.ts";
import { failure, finished, play, task } from "./_helpers.ts";

interface Service extends AsyncDisposable {
  readonly url: string;
}

function serve(handler: Deno.ServeHandler): Service {
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {} },
    handler,
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/play`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("HttpRunner posts the task and the endpoint, and takes the reward", async () => {
  const bodies: unknown[] = [];
  await using service = serve(async (request) => {
    bodies.push(await request.json());
    return Response.json({ reward: -1, metadata: { note: "seen" } });
  });
  await using runner = new HttpRunner({ url: service.url });
  const result = await play(runner, task("hello", { answer: 3 }));
  assertEquals(finished(result), {
    reward: -1,
    success: false,
    metadata: { note: "seen" },
    metrics: {},
  });
  assertEquals(bodies, [{
    task: {
      id: "hello",
      query: "hello",
      metadata: { answer: 3 },
      split: "train",
    },
    base_url: "http://127.0.0.1:9/v1",
    api_key: "k",
    model: "policy",
  }]);
});

Deno.test("HttpRunner tells what went wrong at the service", async () => {
  const answers = [
    () => new Response("no such agent", { status: 500 }),
    () => new Response("<html>"),
    () => new Response(""),
    () => new Response('{"reward": NaN}'),
    () => Response.redirect("http://127.0.0.1:9/other", 302),
    () => Response.json({ reward: null, success: 1 }),
    () =>
      new Response(
        new ReadableStream({
          pull: (stream) => stream.enqueue(new Uint8Array(2 ** 20).fill(32)),
        }),
      ),
  ];
  await using service = serve(() => answers.shift()!());
  await using runner = new HttpRunner({ url: service.url });
  for (
    const words of [
      "answered 500: no such agent",
      "what is not JSON: <html>",
      "answered nothing",
      "NaN as reward: it must be a finite number",
      "answered 302, a redirection: set workflow.url to http://127.0.0.1:9/other",
      "1 as success|null as reward",
      "answered more than 67108864 bytes",
    ]
  ) {
    assertMatch(
      failure(await play(runner, task("x")), "workflow"),
      new RegExp(words),
    );
  }
  await using nowhere = new HttpRunner({ url: "http://127.0.0.1:9/play" });
  assertMatch(
    failure(await play(nowhere, task("x")), "workflow"),
    "http://127.0.0.1:9/play cannot be reached",
  );
});

Deno.test("HttpRunner tells why a service cannot be reached, and how it is to give its reward", async () => {
  using listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  const hangsUp = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(1024));
  })();
  await using rude = new HttpRunner({ url: `http://127.0.0.1:${port}` });
  assertMatch(
    failure(await play(rude, task("x")), "workflow"),
    "cannot be reached: connection closed before message completed",
  );
  await hangsUp;
  await using service = serve(() => Response.json({ score: 1 }));
  await using runner = new HttpRunner({ url: service.url });
  assertMatch(
    failure(await play(runner, task("x")), "workflow"),
    'no judge: answer with it, as in {"reward": 1}, or set judge.path',
  );
});

Deno.test("HttpRunner hangs up on a service whose episode is cancelled", async () => {
  const asked = Promise.withResolvers<void>();
  const hungUp = Promise.withResolvers<void>();
  await using service = serve(async (request) => {
    request.signal.addEventListener("abort", () => hungUp.resolve());
    asked.resolve();
    await hungUp.promise;
    return Response.json(1);
  });
  const cancel = new AbortController();
  await using runner = new HttpRunner({ url: service.url });
  const running = play(runner, task("x"), { signal: cancel.signal });
  await asked.promise;
  cancel.abort(new EpisodeError("idle", "too quiet"));
  assertEquals(failure(await running, "idle"), "too quiet");
  await hungUp.promise;
});

Deno.test("workflowJsonSchemas() describes what goes in and what comes out", () => {
  const { process, http } = workflowJsonSchemas() as Record<
    string,
    Record<string, { readonly required?: readonly string[] }>
  >;
  assertEquals(process!.input!.required, ["id", "query", "metadata", "split"]);
  assertEquals(http!.input!.required, ["task", "base_url", "api_key", "model"]);
});
