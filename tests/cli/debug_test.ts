import { fileURLToPath } from "node:url";
import { assertEquals, assertMatch } from "../assert.ts";
import { TestFolder } from "../config/_files.ts";
import { TestEndpoint } from "../tuner/_endpoint.ts";
import { type CliResult, runCli } from "./_run_cli.ts";

const CONF = fileURLToPath(
  new URL("../../examples/calculator/calculator.yaml", import.meta.url),
);

/** Debugs the calculator, or another workflow with its model and tasks. */
function debug(args: readonly string[]): Promise<CliResult> {
  return runCli(["train", "--conf", CONF, "--backbone=debug", ...args]);
}

Deno.test("train --backbone=debug shows what an agent said, sampled and earned", async () => {
  using folder = new TestFolder({ "here/": "" });
  const { code, stdout, stderr } = await runCli(
    ["train", "--conf", CONF, "--backbone=debug", "--tasks", "2"],
    { cwd: `${folder.path}/here` },
  );
  assertEquals([code, stderr], [0, ""]);
  for (
    const part of [
      /^task train-1 {2}reward [01]$/m,
      /^ {2}user {6}\S/m,
      /^ {2}assistant \S/m,
      /^ {12}call 1, \d+ \+ \d+ tokens, [\d.]+s {2}opens a timeline$/m,
      /│<\|im_end\|>/,
      /^ {2}reward {4}[01], /m,
      /^ {2}learning {2}\d+ of \d+ tokens/m,
      /^ {2}time {6}[\d.]+s: model [\d.]+s, agent and judge [\d.]+s$/m,
      /^task train-2 /m,
    ]
  ) {
    assertMatch(stdout, part);
  }
  // Nothing is left behind.
  assertEquals([...Deno.readDirSync(`${folder.path}/here`)], []);
});

Deno.test("train --backbone=debug --json writes an object for each episode, the same each time", async () => {
  const args = ["--json", "--episodes", "2", "--set", "debug.only=[train-2]"];
  const first = await debug(args);
  const episodes = first.stdout.trim().split("\n").map((line) =>
    JSON.parse(line)
  );
  assertEquals(episodes.map(({ event, task }) => [event, task.id]), [
    ["episode", "train-2"],
    ["episode", "train-2"],
  ]);
  const [{ calls, learning, reward, error }] = episodes;
  assertEquals(error, null);
  assertEquals(typeof reward, "number");
  assertEquals(calls[0].sent[0].role, "user");
  assertEquals(calls[0].reply.role, "assistant");
  assertEquals(calls[0].tokens.length, calls[0].sampledTokens);
  assertEquals(calls[0].tokens.at(-1).text, "<|im_end|>");
  assertEquals(
    calls[0].tokens.every(({ logprob }: { logprob: number }) => logprob <= 0),
    true,
  );
  assertEquals(learning.timelines, 1);
  const again = await debug(args);
  const timeless = (text: string) =>
    text.replaceAll(/"seconds":(?:[\d.]+|\{[^}]*\})/g, "");
  assertEquals(timeless(again.stdout), timeless(first.stdout));
});

Deno.test("train --backbone=debug sums the episodes of a task up", async () => {
  using folder = new TestFolder({
    "agent.ts": "let played = 0; export default () => played++;",
  });
  const { stdout } = await debug([
    "--tasks",
    "1",
    "--episodes",
    "3",
    "--set",
    `workflow.path=${folder.path}/agent.ts`,
  ]);
  assertMatch(stdout, /^task train-1, episode 3 of 3 {2}reward 2$/m);
  assertMatch(stdout, "learning  nothing: the model was not called");
  assertMatch(stdout, "task train-1, 3 episodes: rewards 0 1 2; they differ");
});

Deno.test("train --backbone=debug runs on any server of chat completions", async () => {
  const tool = { id: "call_1", name: "calculator" };
  const replies = [
    { toolCalls: [{ ...tool, arguments: '{"expression": "49-23"}' }] },
    { texts: ["Answer: ", "26"] },
  ];
  await using server = new TestEndpoint(
    (_, index) => replies[index]!,
    ["return_token_ids"],
  );
  const set = [
    "engine.kind=openai",
    `engine.url=${server.url}`,
    "engine.model=large",
    "engine.api_key_env=TEST_KEY",
  ];
  const { code, stdout, stderr } = await runCli(
    ["train", "--conf", CONF, "--backbone=debug", "--tasks", "1"]
      .concat(set.flatMap((key) => ["--set", key])),
    { env: { TEST_KEY: "sk-test" } },
  );
  assertEquals([code, stderr], [0, ""]);
  assertEquals(server.bodies.at(-1).model, "large");
  for (
    const part of [
      `large on ${server.url}`,
      "task train-1  reward 1",
      'assistant → calculator {"expression": "49-23"}',
      "tool      26",
      "assistant Answer: 26",
      "call 2, 11 + 3 tokens",
      "goes on from call 1 by its messages; not learnt from",
      "learning  nothing: the endpoint gave no token ids",
    ]
  ) {
    assertMatch(stdout, part);
  }
});

Deno.test("train --backbone=debug shows the line where a workflow throws, and ends with 1", async () => {
  using folder = new TestFolder({
    "agent.ts": 'import { read } from "./read.ts";\nexport default read;\n',
    "read.ts": [
      "export function read(task: { metadata: Record<string, string> }) {",
      '  console.log("reading", task);',
      "  return task.metadata.nowhere!.length;",
      "}",
    ].join("\n"),
  });
  const { code, stdout } = await debug([
    "--tasks",
    "1",
    "--set",
    `workflow.path=${folder.path}/agent.ts`,
  ]);
  assertEquals(code, 1);
  assertMatch(stdout, /^task train-1 {2}failed$/m);
  assertMatch(stdout, "in workflow: TypeError: Cannot read properties");
  assertMatch(stdout, `at ${folder.path}/read.ts:3:`);
  assertMatch(stdout, /▸ 3 │ {3}return task\.metadata\.nowhere!\.length;/);
  assertMatch(stdout, /^ {2}printed {3}reading /m);
});

Deno.test("train --backbone=debug refuses what it cannot run in plain words", async () => {
  const refusals: readonly (readonly [string[], string])[] = [
    [["--set", "debug.only=[x]"], 'There is no task "x" (debug.only)'],
    [["--set", "engine.kind=openai"], "engine.url is missing"],
    [
      [
        "--backbone=webgpu",
        "--set",
        "engine.kind=openai",
        "--set",
        "engine.url=http://127.0.0.1:1",
      ],
      "openai gives no token ids, so nothing can be learnt from it: use --backbone=debug",
    ],
    [["--backbone=webgpu", "--watch"], "--watch goes with --backbone=debug"],
    [
      [
        "--set",
        "engine.kind=openai",
        "--set",
        "engine.url=http://127.0.0.1:1/v1",
        "--set",
        "engine.api_key_env=NO_SUCH_KEY",
      ],
      "engine.api_key_env names NO_SUCH_KEY, which is not set",
    ],
  ];
  const results = await Promise.all(refusals.map(([args]) => debug(args)));
  for (const [at, { code, stderr }] of results.entries()) {
    assertMatch(stderr, refusals[at]![1]);
    assertEquals(code, 2);
  }
});
