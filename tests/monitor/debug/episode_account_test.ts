import {
  accountReport,
  episodeAccount,
  groupReport,
} from "../../../src/monitor/debug/mod.ts";
import type { Episode } from "../../../src/rollout/mod.ts";
import { type Call, TokenTree } from "../../../src/tracker/mod.ts";
import { MessageTree } from "../../../src/tuner/mod.ts";
import { assertEquals, assertMatch, assertTrue } from "../../assert.ts";
import { TestFolder } from "../../config/_files.ts";

const tokenizer = {
  // The id 0xe6 stands for the first byte of a longer character.
  wholeText: (id: number) => id === 0xe6 ? undefined : `<${id}>`,
  tokenBytes: (id: number) => Uint8Array.of(id),
};

/** A call of two sampled tokens. */
function call(id: string, prompt: readonly number[], more: Partial<Call> = {}) {
  return {
    id,
    agent: "default",
    prompt,
    tokens: [8, 9],
    logprobs: [-0.05, -3],
    temperature: 1,
    finishReason: "stop",
    policyVersion: 0,
    ...more,
  } as const;
}

/** An episode of the given calls; the text of each reply is its id. */
function episode(
  calls: readonly Call[],
  more: Partial<Episode> = {},
): Episode {
  const tree = new TokenTree();
  const messages = new MessageTree();
  const talk = [{ role: "user", content: "Hello" }];
  for (const call of calls) {
    tree.record(call);
    const reply = { role: "assistant", content: `I am ${call.id}` };
    messages.record(call.id, { messages: [...talk], reply });
    talk.push(reply, { role: "user", content: `after ${call.id}` });
  }
  return {
    id: "debug/0/0",
    group: "debug/0",
    index: 0,
    task: { id: "t", query: "Hello", metadata: {}, split: "train" },
    tree,
    messages,
    reward: 1,
    success: true,
    metadata: {},
    metrics: {},
    log: "",
    attempts: 1,
    seconds: 2,
    ...more,
  };
}

Deno.test("episodeAccount() says what merges, what branches, and why", () => {
  const { calls, learning } = episodeAccount(
    episode([
      call("a", [1, 2]),
      call("b", [1, 2, 8, 9, 3]),
      call("c", [1, 2, 8, 7, 4], { rewrite: "message 1 was changed" }),
      call("d", [1, 2], { agent: "critic", tokens: [5], logprobs: [-1] }),
      call("e", [1, 2, 8, 9, 3, 8, 9, 6], { temperature: 0 }),
    ]),
    { tokenizer },
  );
  assertEquals(calls.map(({ continues }) => continues), [
    null,
    1,
    null,
    null,
    2,
  ]);
  assertEquals(calls.map(({ branch }) => branch?.kind), [
    undefined,
    undefined,
    "rewritten-history",
    "other-agent",
    undefined,
  ]);
  const verdicts = calls.map(({ verdict }) => verdict);
  assertEquals(verdicts[0], "opens a timeline");
  assertEquals(verdicts[1], "merges with call 1");
  assertMatch(verdicts[2]!, "branches after 3 tokens: what was sampled before");
  assertMatch(verdicts[2]!, "(message 1 was changed)");
  assertMatch(
    verdicts[3]!,
    'speaks for the first time ("<5>" where "<8>" stood)',
  );
  assertMatch(
    verdicts[4]!,
    "merges with call 2; not learnt from: tokens sampled at temperature 0",
  );
  assertEquals(learning.timelines, 3);
  assertEquals(learning.trained, 7);
  assertMatch(
    learning.verdict,
    /^7 of \d+ tokens, \d+ were they apart; 3 timelines; calls 3, 4 branch$/,
  );
});

Deno.test("episodeAccount() goes by the messages of calls without token ids", () => {
  const messages = new MessageTree();
  const tree = new TokenTree();
  const user = { role: "user", content: "Hello" };
  const reply = { role: "assistant", content: "Hi" };
  const changed = { role: "assistant", content: "Hi!" };
  const histories = [[user], [user, reply, user], [user, changed, user]];
  for (const [at, history] of histories.entries()) {
    const none = { tokens: [], logprobs: [], untrainable: "no ids" };
    tree.record(call(`${at}`, [], none));
    messages.record(`${at}`, { messages: history, reply });
  }
  const { calls } = episodeAccount(episode([], { tree, messages }));
  const verdicts = calls.map(({ verdict }) => verdict.split("; not learnt")[0]);
  assertEquals(verdicts.slice(0, 2), [
    "opens a timeline",
    "goes on from call 1 by its messages",
  ]);
  assertMatch(verdicts[2]!, "would branch by its messages: message 1 is not");
});

Deno.test("episodeAccount() shows the bytes of tokens that are no whole characters", () => {
  const sampled = { tokens: [8, 0xe6], logprobs: [-1, -1] };
  const { calls } = episodeAccount(
    episode([call("a", [1], sampled)]),
    { tokenizer },
  );
  assertEquals(calls[0]!.tokens.map(({ text }) => text), ["<8>", "⟨e6⟩"]);
});

Deno.test("accountReport() shows each message once, and the logprobs of tokens in doubt", () => {
  const report = accountReport(episodeAccount(
    episode([call("a", [1, 2]), call("b", [1, 2, 8, 9, 3])], {
      metadata: { why: "The judge liked it" },
      metrics: { tools: 2 },
      log: "one\ntwo\n",
    }),
    { tokenizer },
  ));
  for (const text of ["Hello", "I am a", "after a", "I am b"]) {
    assertEquals(report.split(text).length, 2, text);
  }
  assertMatch(report, "<8>│<9> -3.0");
  assertMatch(report, "  reward    1, solved, tools 2");
  assertMatch(report, "  why       The judge liked it");
  assertMatch(report, "  printed   one\n            two");
  assertMatch(report, "call 2, 5 (4 shared) + 2 tokens  merges with call 1");
});

Deno.test("accountReport() keeps within the terminal, and counts no colours", () => {
  const content = "word ".repeat(60).trim();
  const messages = new MessageTree();
  messages.record("a", {
    messages: [{ role: "user", content }],
    reply: { role: "assistant", content: "x".repeat(90) },
  });
  const account = episodeAccount(
    episode([call("a", [1, 2])], { messages }),
    { tokenizer },
  );
  const plain = accountReport(account, { columns: 60 }).split("\n");
  assertTrue(plain.every((line) => line.length < 60));
  const colored = accountReport(account, { columns: 60, color: true });
  // deno-lint-ignore no-control-regex -- colours are what is looked for
  assertEquals(colored.replaceAll(/\x1b\[[\d;]*m/g, "").split("\n"), plain);
});

Deno.test("episodeAccount() finds the line of the user's code that failed", () => {
  using folder = new TestFolder({ "agent.py": "import os\n\nraise 1\n" });
  const message = `TypeError: no\n    at ${folder.path}/agent.py:3`;
  const failed = { reward: NaN, error: { stage: "workflow", message } };
  const account = episodeAccount(episode([call("a", [1])], failed));
  assertEquals(account.reward, null);
  assertEquals(account.error!.source, {
    path: `${folder.path}/agent.py`,
    line: 3,
    first: 1,
    text: ["import os", "", "raise 1"],
  });
  assertMatch(account.learning.verdict, "the episode failed");
  assertMatch(accountReport(account), "▸ 3 │ raise 1");

  const gone = { stage: "workflow", message: "E\n    at /no/such/file.ts:3:1" };
  assertEquals(
    episodeAccount(episode([], { reward: NaN, error: gone })).error!.source,
    undefined,
  );
});

Deno.test("episodeAccount() counts the time with requests in progress once", () => {
  const at = (began: number, ended: number) => ({ agent: "a", began, ended });
  const requests = [at(0, 1000), at(500, 1200), at(2000, 2100)];
  const { seconds } = episodeAccount(episode([]), { requests });
  assertEquals(seconds, { total: 2, model: 1.3 });
});

Deno.test("groupReport() says whether there is anything to compare", () => {
  const account = (reward: number) => episodeAccount(episode([], { reward }));
  assertMatch(
    groupReport([account(0), account(1)]),
    "rewards 0 1; they differ",
  );
  assertMatch(groupReport([account(1), account(1)]), "they do not differ");
});
