import { UserError } from "../../src/errors.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashedWeights, SMALL_SHAPE } from "../nn/_hashed_model.ts";
import { referenceScores } from "../nn/_reference_model.ts";
import { prompt, sharedSmall } from "./_test_engine.ts";

const { engine } = await sharedSmall();

Deno.test("score() gives every token's logprob, of many sequences, a batch at a time", async () => {
  const sequences = [70, 1, 50, 60, 2, 128, 9].map((length, i) =>
    prompt(`score ${i}`, length)
  );
  const scores = await engine.score(sequences);
  const weights = new Map(
    hashedWeights(SMALL_SHAPE).map(({ name, data }) => [name, data]),
  );
  assertEquals(scores.length, sequences.length);
  for (const [i, sequence] of sequences.entries()) {
    const nodes = sequence.map((_, at) => at);
    const { logprob } = referenceScores(SMALL_SHAPE, weights, {
      tokens: Uint32Array.from(sequence),
      positions: Uint32Array.from(nodes),
      parents: Int32Array.from(nodes, (at) => at - 1),
      visibleUntil: new Uint32Array(nodes.length).fill(nodes.length),
      targets: Uint32Array.from(nodes.slice(1)),
      temperature: new Float32Array(nodes.length - 1).fill(1),
    });
    assertEquals(scores[i]!.length, sequence.length);
    assertTrue(Number.isNaN(scores[i]![0]));
    assertClose(scores[i]!.subarray(1), logprob, { tolerance: 1e-5 });
  }
  assertEquals(await engine.score([]), []);
});

Deno.test("score() refuses a sequence longer than a batch, and an unknown token", async () => {
  await assertRejects(
    () => engine.score([[1], prompt("too long", 129)]),
    UserError,
    "129 tokens exceeds the 128 of train.max_nodes",
  );
  await assertRejects(
    () => engine.score([[1, SMALL_SHAPE.vocabSize]]),
    UserError,
    "vocabulary",
  );
  assertEquals((await engine.score([[1, 2]]))[0]!.length, 2);
});
