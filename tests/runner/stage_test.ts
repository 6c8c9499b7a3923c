import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { UserError } from "../../src/errors.ts";
import {
  agent,
  failure,
  finished,
  openRunner,
  play,
  task,
} from "./_helpers.ts";

/** Stands in for the compiled program's `__stage` command. */
const STAGE = [
  Deno.execPath(),
  "run",
  "-A",
  "--quiet",
  "--no-prompt",
  "--no-lock",
  "--unstable-worker-options",
  agent("stage_main.ts"),
];
/** Unlike the compiled program, that stand-in needs to find Deno's cache. */
const CACHE_ENV = ["DENO_DIR", "HOME", "XDG_CACHE_HOME"];

Deno.test("stage() fences user code in a Worker, with the same results", async () => {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    () => new Response("ok"),
  );
  const gateway = `127.0.0.1:${server.addr.port}`;
  Deno.env.set("SECRET", "hidden");
  await using runner = await openRunner({
    gateway,
    stage: STAGE,
    allow: { env: CACHE_ENV },
    judge: agent("judge.ts"),
  });
  finished(await play(runner, task("fetch", { url: `http://${gateway}/` })));
  const judged = await play(runner, task("nothing", { answer: "5" }));
  assertEquals(finished(judged).metadata, { remark: "judged" });
  const printed = await play(runner, task("print", {}, "a"));
  assertMatch(printed.log, /^task a .*\nerror a\nprocess a\nstdout a\n/);
  const failures: [string, Record<string, unknown>, string | RegExp][] = [
    ["throw", {}, /^RangeError: the dice.*\n {4}at .*misbehaving\.ts:\d+:\d+$/],
    ["exit", {}, "Deno.exit(3) was called"],
    ["stray", {}, "Error: nobody awaits me"],
    ["bigint", {}, "The returned metadata is not JSON"],
    [
      "fetch",
      { url: "http://10.0.0.1/" },
      'workflow.allow.net: ["10.0.0.1:80"]',
    ],
    ["read", { path: "/etc/hosts" }, 'workflow.allow.read: ["/etc/hosts"]'],
    ["write", {}, "never allows write access"],
  ];
  for (const [query, metadata, pattern] of failures) {
    assertMatch(failure(await play(runner, task(query, metadata))), pattern);
  }
  const environment = finished(await play(runner, task("environment")));
  assertTrue(!Object.hasOwn(environment.metadata.all as object, "SECRET"));
  Deno.env.delete("SECRET");
});

Deno.test("stage() is killed with its Worker in a hot loop", async () => {
  await using runner = await openRunner({
    stage: STAGE,
    allow: { env: CACHE_ENV },
    heartbeatSeconds: 1.5,
  });
  assertMatch(
    failure(await play(runner, task("loop")), "process"),
    "did not answer for 1.5 s",
  );
  finished(await play(runner, task("behave")));
});

Deno.test("stage() tells why user code does not load", async () => {
  const folder = await Deno.makeTempDir();
  const workflow = `${folder}/workflow.ts`;
  const open = async (source: string) => {
    await Deno.writeTextFile(workflow, source);
    return await openRunner({
      workflow,
      stage: STAGE,
      allow: { env: CACHE_ENV },
    });
  };
  await assertRejects(
    () => open('import "./nowhere.ts";\nexport default () => 1;'),
    UserError,
    /Module not found "file:.*nowhere\.ts"/,
  );
  await assertRejects(
    () => open('throw new Error("not today");'),
    UserError,
    /Error: not today\n[^]*workflow\.ts:1:7/,
  );
  await assertRejects(
    () => open("export default 5;"),
    UserError,
    "no usable default export",
  );
  await Deno.remove(folder, { recursive: true });
});
