import { DataError } from "../../src/errors.ts";
import { type JsonLine, readRollouts } from "../../src/offline/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";

const ROW = {
  group: "a",
  tokens: [1, 2, 3, 4, 5],
  mask: [0, 1, 0, 1, 1],
  logprobs: [null, -1, null, -2, -3],
  reward: 1,
};

async function* linesOf(...rows: readonly object[]): AsyncGenerator<JsonLine> {
  for (const [at, row] of rows.entries()) {
    yield { fields: { ...row }, where: `log:${at + 1}` };
  }
}

function read(...rows: readonly object[]) {
  return readRollouts(linesOf(...rows), { vocabSize: 6 });
}

Deno.test("readRollouts() makes a call of each stretch of sampled tokens", async () => {
  const { groups, episodes } = await read(
    ROW,
    { ...ROW, group: 7, reward: null },
    { ...ROW, logprobs: [-1, -2, -3], reward: 0 },
  );
  assertEquals(episodes, 3);
  assertEquals(groups.map(({ episodes }) => episodes.map(({ id }) => id)), [
    ["log:1", "log:3"],
    ["log:2"],
  ]);
  assertEquals(groups[1]!.episodes[0]!.reward, NaN);
  for (const { tree } of groups[0]!.episodes) {
    const [timeline, ...others] = tree.timelines();
    assertEquals(others, []);
    assertEquals([...timeline!.tokens], ROW.tokens);
    assertEquals([...timeline!.trained], ROW.mask);
    assertEquals([...timeline!.logprobs], [NaN, -1, NaN, -2, -3]);
  }
});

Deno.test("readRollouts() says which line is wrong, and how", async () => {
  const cases: readonly (readonly [object, string])[] = [
    [{ group: null }, "log:1: group must be a text or a number, got null"],
    [{ tokens: [] }, "log:1: tokens must be a list of token ids"],
    [
      { tokens: [1, 2, 3, 4, 6] },
      "tokens[4] must be a token id below 6, got 6",
    ],
    [{ mask: [0, 1] }, "mask must hold a 0 or a 1 for each of the 5 tokens"],
    [{ mask: [1, 1, 0, 1, 1] }, "mask[0] must be 0"],
    [
      { logprobs: [-1] },
      "logprobs must hold a number for each of the 5 tokens",
    ],
    [{ logprobs: [-1, -1, null] }, "cannot be trained on: the logprob of"],
    [{ logprobs: [-1, 2, -1] }, "the logprob of sampled token 0 is 2"],
    [
      { reward: "good" },
      "reward must be a finite number, or null for a failed",
    ],
    [{ reward: Infinity }, "reward must be a finite number, or null"],
    [{ temperature: 0 }, "temperature must be a positive number, got 0"],
  ];
  for (const [fields, message] of cases) {
    await assertRejects(
      () => read({ ...ROW, ...fields }),
      DataError,
      message,
    );
  }
  await assertRejects(() => read(), DataError, "the input is empty");
});
