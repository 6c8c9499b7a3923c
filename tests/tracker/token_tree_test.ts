import { ASTunerError } from "../../src/errors.ts";
import { buildBatch, TokenTree } from "../../src/tracker/mod.ts";
import type { Call } from "../../src/tracker/mod.ts";
import { assertEquals, assertThrows, assertTrue } from "../assert.ts";

/** A trainable call; logprobs default to −1, −2, … */
function call(
  id: string,
  prompt: readonly number[],
  tokens: readonly number[],
  rest: Partial<Call> = {},
): Call {
  return {
    id,
    agent: "default",
    prompt,
    tokens,
    logprobs: tokens.map((_, at) => -1 - at),
    temperature: 1,
    finishReason: "stop",
    policyVersion: 0,
    ...rest,
  };
}

Deno.test("record() stores a linear conversation once", () => {
  const tree = new TokenTree();
  const first = tree.record(call("a", [1, 2, 3], [4, 5]));
  const second = tree.record(
    call("b", [1, 2, 3, 4, 5, 6], [7], {
      extends: { call: "a", length: 5 },
    }),
  );
  assertEquals([first.shared, first.added, first.branch], [0, 5, undefined]);
  assertEquals([second.shared, second.added, second.branch], [
    5,
    2,
    undefined,
  ]);
  assertEquals([...tree.tokens], [1, 2, 3, 4, 5, 6, 7]);
  assertEquals([...tree.parents], [-1, 0, 1, 2, 3, 4, 5]);
});

Deno.test("record() reads only new tokens where the call extends another", () => {
  const tree = new TokenTree();
  const reads: number[] = [];
  let history = [1, 2, 3];
  for (let turn = 0; turn < 5; turn++) {
    let count = 0;
    const prompt = new Proxy(history, {
      get(target, key) {
        if (typeof key === "string" && /^\d+$/.test(key)) count++;
        return Reflect.get(target, key);
      },
    });
    tree.record(
      call(`${turn}`, prompt, [100 + turn, 200], {
        ...(turn > 0 && {
          extends: { call: `${turn - 1}`, length: history.length - 1 },
        }),
      }),
    );
    reads.push(count);
    history = [...history, 100 + turn, 200, 300 + turn];
  }
  // Three tokens of the first prompt; after that one new token and a look at the seam.
  assertTrue(Math.max(...reads.slice(1)) === Math.min(...reads.slice(1)));
  assertEquals(tree.size, 3 + 5 * 3 - 1);
});

Deno.test("record() walks from the root where `extends` does not hold", () => {
  const wrong = [
    { call: "missing", length: 5 },
    { call: "a", length: 4 },
    { call: "b", length: 5 },
  ];
  for (const claim of wrong) {
    const tree = new TokenTree();
    tree.record(call("a", [1, 2, 3], [4, 5]));
    tree.record(call("b", [1, 2, 3], [4, 9]));
    const third = tree.record(
      call("c", [1, 2, 3, 4, 5, 6], [7], { extends: claim }),
    );
    assertEquals([...tree.path(third.leaf)].map((node) => tree.tokens[node]), [
      1,
      2,
      3,
      4,
      5,
      6,
      7,
    ]);
  }
});

Deno.test("record() names the cause of each branch", () => {
  const tree = new TokenTree();
  const branch = (recorded: Call) => {
    const { branch } = tree.record(recorded);
    return branch && [
      branch.kind,
      branch.depth,
      branch.expected,
      branch.found,
    ];
  };
  assertEquals(branch(call("a", [1, 2, 3], [4, 5])), undefined);
  assertEquals(branch(call("b", [1, 2, 3, 4, 5, 6], [7, 8])), undefined);
  assertEquals(branch(call("n1", [1, 2, 3], [4, 9])), ["resample", 4, 5, 9]);
  assertEquals(branch(call("par", [1, 2, 3, 4, 5, 10], [7])), [
    "parallel",
    5,
    6,
    10,
  ]);
  assertEquals(branch(call("edit", [1, 2, 3, 4, 11, 6], [7])), [
    "rewritten-history",
    4,
    5,
    11,
  ]);
  assertEquals(branch(call("again", [1, 2, 12], [7])), [
    "new-conversation",
    2,
    3,
    12,
  ]);
  assertEquals(branch(call("critic", [1, 13], [7], { agent: "critic" })), [
    "other-agent",
    1,
    2,
    13,
  ]);
  assertEquals(branch(call("root", [20, 2], [7])), ["new-root", 0, 1, 20]);
});

Deno.test("record() takes the gateway's word for a rewritten history", () => {
  const tree = new TokenTree();
  tree.record(call("a", [1, 2, 3], [4]));
  const { branch } = tree.record(
    call("b", [1, 9, 3, 4], [5], { rewrite: "message 0 was changed" }),
  );
  assertEquals(branch, {
    kind: "rewritten-history",
    depth: 1,
    expected: 2,
    found: 9,
    detail: "message 0 was changed",
  });
});

Deno.test("record() keeps untrainable calls with their reason", () => {
  const cases: [Partial<Call>, RegExp][] = [
    [{ untrainable: "usage disagrees" }, /^usage disagrees$/],
    [{ logprobs: [-1] }, /2 tokens came with 1 logprobs/],
    [{ logprobs: [-1, NaN] }, /sampled token 1 is NaN/],
    [{ logprobs: [0.5, -1] }, /sampled token 0 is 0.5/],
    [{ logprobs: [-1, -9999] }, /sampled token 1 is -9999/],
    [{ logprobs: [-1, -Infinity] }, /sampled token 1 is -Infinity/],
    [{ temperature: 0 }, /temperature 0/],
    [{ prompt: [] }, /prompt is empty/],
  ];
  for (const [fault, reason] of cases) {
    const tree = new TokenTree();
    const recorded = tree.record(call("a", [1, 2], [3, 4], fault));
    assertTrue(reason.test(recorded.untrainable ?? ""), `${reason}`);
    assertEquals([...tree.timelines()[0]!.trained].includes(1), false);
  }
  const whole = new TokenTree().record(call("a", [1], [2], { logprobs: [0] }));
  assertEquals(whole.untrainable, undefined);
});

Deno.test("exclude() takes calls out of training, and keeps what was said of others", () => {
  const tree = new TokenTree();
  tree.record(call("old", [1, 2], [3, 4]));
  tree.record(call("new", [1, 2, 3, 4, 5], [6], { policyVersion: 2 }));
  tree.record(call("bad", [1, 9], [7], { untrainable: "usage disagrees" }));
  const asked: string[] = [];
  tree.exclude(({ id, policyVersion }) => {
    asked.push(id);
    return policyVersion < 1 ? "too old" : undefined;
  });
  assertEquals(asked, ["old", "new"]);
  assertEquals(
    tree.calls.map(({ id, untrainable }) => [id, untrainable]),
    [["old", "too old"], ["new", undefined], ["bad", "usage disagrees"]],
  );
  assertEquals([...tree.timelines()[0]!.trained], [0, 0, 0, 0, 0, 1]);
  const { batches } = buildBatch(
    [{ episodes: [{ id: "e", tree, advantage: 1 }] }],
    { maxNodes: 100 },
  );
  assertEquals(batches[0]!.calls.map(({ call }) => call), ["new"]);
});

Deno.test("limited() leaves the terms of some calls, and the tree as it was", () => {
  const tree = new TokenTree();
  tree.record(call("asks", [1], [2, 3], { agent: "solver" }));
  tree.record(call("judges", [1, 2, 3, 4], [5], { agent: "critic" }));
  const before = JSON.stringify(tree);
  const limited = tree.limited(({ agent }) => agent === "critic");
  const batchOf = (tree: TokenTree) =>
    buildBatch([{ episodes: [{ id: "e", tree, advantage: 1 }] }], {
      maxNodes: 100,
    }).batches[0]!;
  const own = batchOf(limited);
  assertEquals(own.calls.map(({ call }) => call), ["judges"]);
  assertEquals([...own.tokens], [1, 2, 3, 4, 5]); // what led to it is computed all the same
  assertEquals([...own.terms.weight], [1]);
  assertEquals(JSON.stringify(tree), before);
  assertEquals(batchOf(tree).calls.length, 2);
});

Deno.test("record() refuses what is not a call of the episode", () => {
  const tree = new TokenTree();
  tree.record(call("a", [1], [2]));
  assertThrows(
    () => tree.record(call("a", [1], [2])),
    ASTunerError,
    /"a" twice/,
  );
  for (const token of [-1, 1.5, NaN, 2 ** 22]) {
    assertThrows(
      () => tree.record(call("b", [1, token], [2])),
      ASTunerError,
      "not a token id",
    );
  }
  assertEquals(tree.size, 2);
});

Deno.test("timelines() tells tool calls with empty content apart", () => {
  const tree = new TokenTree();
  tree.record(call("a", [1, 2], [30, 9]));
  tree.record(call("b", [1, 2], [31, 9]));
  tree.record(call("c", [1, 2, 31, 9, 5], [6]));
  assertEquals(
    tree.timelines().map(({ tokens, trained }) => [[...tokens], [...trained]]),
    [
      [[1, 2, 30, 9], [0, 0, 1, 1]],
      [[1, 2, 31, 9, 5, 6], [0, 0, 1, 1, 0, 1]],
    ],
  );
});

Deno.test("timelines() keeps identical samples apart, each with its own logprobs", () => {
  const tree = new TokenTree();
  tree.record(call("a", [1, 2], [3], { logprobs: [-0.5] }));
  const again = tree.record(call("b", [1, 2], [3], { logprobs: [-0.25] }));
  assertEquals([again.added, again.branch], [0, undefined]);
  assertEquals(
    tree.timelines().map(({ call, logprobs }) => [call, logprobs[2]]),
    [["a", -0.5], ["b", -0.25]],
  );
});

Deno.test("timelines() never trains an end of turn that was rendered, not sampled", () => {
  const tree = new TokenTree();
  tree.record(call("a", [1, 2], [3], { finishReason: "length" }));
  tree.record(call("b", [1, 2, 3, 99, 4], [5, 99]));
  const [timeline] = tree.timelines();
  assertEquals([...timeline!.tokens], [1, 2, 3, 99, 4, 5, 99]);
  assertEquals([...timeline!.trained], [0, 0, 1, 0, 0, 1, 1]);
});

Deno.test("record() holds a hundred thousand tokens in a chain and in a fan", () => {
  const chain = new TokenTree();
  const long = Array.from({ length: 100_000 }, (_, at) => at % 1000);
  chain.record(call("a", long, [1]));
  chain.record(call("b", [...long, 1, 2], [3]));
  assertEquals(chain.size, 100_003);

  const fan = new TokenTree();
  for (let at = 0; at < 20_000; at++) {
    fan.record(call(`${at}`, [1, 2], [3 + at, 4, 5, 6, 7]));
  }
  assertEquals(fan.size, 2 + 5 * 20_000);
  assertEquals(fan.timelines().length, 20_000);
});
