import { DataError } from "../../src/errors.ts";
import { scoreLines } from "../../src/offline/mod.ts";
import { assertEquals, assertRejects } from "../assert.ts";

async function* lines(...rows: readonly unknown[]) {
  for (const [at, tokens] of rows.entries()) {
    yield { fields: { tokens }, where: `log:${at + 1}` };
  }
}

/** As an engine: here a token's logprob is its id's negative. */
function score(sequences: readonly (readonly number[])[]) {
  return Promise.resolve(
    sequences.map((ids) => Float32Array.from(ids, (id, at) => at ? -id : NaN)),
  );
}

Deno.test("scoreLines() answers the lines before a bad one, and then says what is wrong with it", async () => {
  for (const bad of [[1, 99], [], Array(9).fill(1)]) {
    const answers: unknown[] = [];
    await assertRejects(
      async () => {
        const rows = lines([1, 2, 3], [4, 5, 6], [7], bad, [8]);
        const options = { score, vocabSize: 10, maxNodes: 8 };
        for await (const row of scoreLines(rows, options)) answers.push(row);
      },
      DataError,
      "log:4: ",
    );
    assertEquals(answers, [[null, -2, -3], [null, -5, -6], [null]]);
  }
});
