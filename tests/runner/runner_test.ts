import { assertEquals, assertMatch, assertRejects } from "../assert.ts";
import { UserError } from "../../src/errors.ts";
import { Runner } from "../../src/runner/mod.ts";
import {
  agent,
  failure,
  finished,
  openRunner,
  play,
  task,
} from "./_helpers.ts";

/** A small OpenAI-like server that answers with the last message, in capitals. */
function startModel(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      if (request.headers.get("authorization") !== "Bearer secret") {
        return new Response("wrong key", { status: 401 });
      }
      const { model, messages } = await request.json();
      const content = `${model} says ${messages.at(-1).content.toUpperCase()}`;
      return Response.json({
        choices: [{ message: { role: "assistant", content } }],
      });
    },
  );
}

Deno.test("Runner runs a class that uses npm:openai, and asks the judge for its reward", async () => {
  await using server = startModel();
  const gateway = `127.0.0.1:${server.addr.port}`;
  await using runner = await Runner.open({
    workflow: agent("class_agent.ts"),
    judge: agent("judge.ts"),
    gateway,
  });
  const endpoint = {
    baseUrl: `http://${gateway}/v1`,
    apiKey: "secret",
    model: "policy",
  };
  const answer = "policy:solver says HELLO";
  const expected = {
    reward: 0.5,
    success: true,
    metadata: { answer, remark: "judged" },
    metrics: { turns: 1, judged: 1 },
  };
  for (let episode = 0; episode < 2; episode++) {
    const result = await play(runner, task("hello", { answer }), { endpoint });
    assertEquals(finished(result), expected);
  }
  const throws = task("judge throws", { answer });
  assertMatch(
    failure(await play(runner, throws, { endpoint }), "judge"),
    /^RangeError: I cannot decide\n {4}at .*agents\/judge\.ts:9:\d+$/,
  );
  const forgets = task("judge forgets", { answer });
  assertMatch(
    failure(await play(runner, forgets, { endpoint }), "judge"),
    "The judge returned no reward",
  );
});

Deno.test("Runner takes a built-in judge by its name", async () => {
  await using runner = await openRunner({ judge: "exact-match" });
  assertMatch(
    failure(await play(runner, task("nothing")), "judge"),
    "no expected answer",
  );
  const result = await play(runner, task("nothing", { answer: "5" }));
  assertEquals(finished(result).reward, 0);
});

Deno.test("Runner says in plain words what is wrong with a reward", async () => {
  await using runner = await openRunner();
  const cases: [string, string | RegExp][] = [
    ["nan", "The workflow returned NaN as reward: it must be a finite number"],
    ["infinite", "returned Infinity as reward: it must be a finite number"],
    ["nothing", "The workflow returned no reward, and there is no judge"],
    ["text", 'The workflow returned "5": return a number or an object'],
    ["wrongSuccess", 'returned "yes" as success: it must be true or false'],
    ["wrongMetric", 'returned NaN as metric "turns": it must be a finite'],
    ["bigint", "The returned metadata is not JSON"],
    ["huge", /^The returned metadata takes 178\d+ characters as JSON/],
  ];
  for (const [query, message] of cases) {
    assertMatch(failure(await play(runner, task(query))), message);
  }
  const result = await play(runner, task("behave", { n: 3n }));
  assertMatch(failure(result, "start"), "The task's metadata is not JSON");
});

Deno.test("Runner reports an error with the user's own file and line", async () => {
  await using runner = await openRunner();
  assertMatch(
    failure(await play(runner, task("throw"))),
    /^RangeError: the dice fell off the table\n {4}at \/.*\/agents\/misbehaving\.ts:26:11$/,
  );
  assertMatch(
    failure(await play(runner, task("throwText"))),
    '"just text" was thrown, which is not an Error',
  );
});

Deno.test("Runner keeps each episode's output to itself", async () => {
  await using runner = await openRunner();
  const results = await Promise.all(
    ["a", "b", "c"].map((id) => play(runner, task("print", {}, id))),
  );
  results.forEach((result, at) => {
    const id = "abc"[at];
    assertEquals(
      result.log,
      `task ${id} { deep: { object: 1 } }\nerror ${id}\nprocess ${id}\n` +
        `stdout ${id}\nstream ${id}\ntimer ${id}\n`,
    );
  });
});

Deno.test("Runner survives binary output, and drops a flood of it", async () => {
  await using runner = await openRunner();
  finished(await play(runner, task("binary")));
  const flood = await play(runner, task("flood"));
  finished(flood);
  assertMatch(flood.log, /^line 0\nline 1\n/);
  assertMatch(flood.log, /… further output was dropped\n$/);
  finished(await play(runner, task("behave")));
});

Deno.test("Runner tells of progress when an episode prints", async () => {
  await using runner = await openRunner();
  let signs = 0;
  const onProgress = () => signs++;
  finished(await play(runner, task("print"), { onProgress }));
  assertEquals(signs, 6);
});

Deno.test("Runner.open() refuses code that cannot be used", async () => {
  const folder = await Deno.makeTempDir();
  const cases: [string, string | RegExp][] = [
    [
      "export default () => {\n  return 1 +;\n};",
      /^Cannot load the workflow: SyntaxError: Expression expected[^]*case\.ts:2:13$/,
    ],
    [
      'import "./nowhere.ts";\nexport default () => 1;',
      /Module not found "file:.*nowhere\.ts"[^]*case\.ts:1:8$/,
    ],
    [
      'import { x } from "lodash";\nexport default () => x;',
      /Import "lodash" not a dependency/,
    ],
    [
      "const none = undefined as unknown as { b: 1 };\nexport default () => 1;\nnone.b;",
      /^Cannot load the workflow: its process ended with exit code 1: TypeError: Cannot read.*\n[^]*case\.ts:3:6$/,
    ],
    [
      "Deno.exit(0);",
      /^Cannot load the workflow: .*Deno\.exit\(0\) was called/,
    ],
    [
      "export const agent = () => 1;",
      /^The workflow file has no usable default export.*It is undefined$/,
    ],
    [
      "export default class Agent { run() {} }",
      /^The workflow class Agent has no method execute\(task, tuner\)$/,
    ],
  ];
  const workflow = `${folder}/case.ts`;
  for (const [source, pattern] of cases) {
    await Deno.writeTextFile(workflow, source);
    await assertRejects(() => openRunner({ workflow }), UserError, pattern);
  }
  await Deno.remove(folder, { recursive: true });
  await assertRejects(
    () => openRunner({ workflow }),
    UserError,
    /Module not found "file:.*case\.ts"/,
  );
  await assertRejects(
    () => openRunner({ judge: "exact" }),
    UserError,
    /no judge called "exact": give a file, or one of contains, exact-match/,
  );
});

Deno.test("Runner.open() resolves imports by the deno.json above the workflow", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.mkdir(`${folder}/agents`);
  await Deno.writeTextFile(
    `${folder}/deno.json`,
    `{"imports": {"lib": "./lib.ts"}}`,
  );
  await Deno.writeTextFile(`${folder}/lib.ts`, "export const reward = 7;");
  const workflow = `${folder}/agents/workflow.ts`;
  await Deno.writeTextFile(
    workflow,
    'import { reward } from "lib";\nexport default () => reward;',
  );
  await using runner = await openRunner({ workflow });
  assertEquals(finished(await play(runner, task("any"))).reward, 7);
  await Deno.remove(folder, { recursive: true });
});
