import { UserError } from "../../src/errors.ts";
import type { TreeInput } from "../../src/nn/policy.ts";
import { assertEquals, assertRejects, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";
import { type Forest, forestOf, pathTo, randomForest } from "./_forest.ts";
import { hashedWeights, SMALL_SHAPE } from "./_hashed_model.ts";
import {
  everyTarget,
  gradientsOf,
  randomInput,
  testPlanner,
  testPolicy,
} from "./_test_policy.ts";

const planner = await testPlanner();
const V = SMALL_SHAPE.vocabSize;
/** Tests share a policy where they leave its weights alone. */
const policy = testPolicy(planner);
/** Where there are no subgroups; opened here, since a test may not open what outlives it. */
const plainPlanner = await testPlanner({ subgroups: false });

/** A plain sequence, all of whose tokens but the first are targets. */
function sequence(name: string, length: number): TreeInput {
  const parents = Int32Array.from({ length }, (_, i) => i - 1);
  return everyTarget(forestOf(parents, hashedIntegers(name, length, V)));
}

/** Forests one after the other. */
function concatenated(forests: readonly Forest[]): Forest {
  const parents: number[] = [], tokens: number[] = [];
  for (const forest of forests) {
    const first = parents.length;
    tokens.push(...forest.tokens);
    for (const parent of forest.parents) {
      parents.push(parent < 0 ? -1 : parent + first);
    }
  }
  return forestOf(Int32Array.from(parents), Uint32Array.from(tokens));
}

/** Gradients of Σ a · logprob + b · entropy, with a and b by target; zeroes them after. */
async function gradients(
  input: TreeInput,
  weights: { readonly logprob: Float32Array; readonly entropy: Float32Array },
) {
  const scores = await policy.forward(input);
  policy.backward(weights);
  const result = await gradientsOf(policy);
  policy.discard();
  return { scores, gradients: result };
}

function derivatives(name: string, count: number) {
  return {
    logprob: hashed(`${name}.logprob`, count),
    entropy: hashed(`${name}.entropy`, count, 0.3),
  };
}

Deno.test("Transformer gives a forest with several targets a node what the unrolled sequences give", async () => {
  const input = randomInput("branching", 60);
  assertTrue(new Set(input.targets).size < input.targets.length);
  const weights = derivatives("branching", input.targets.length);
  const tree = await gradients(input, weights);
  // Every target alone at the end of its own path, 128 nodes at a time.
  const totals = new Map<string, Float64Array>();
  const paths = [...input.targets].map((node) => pathTo(input.parents, node));
  for (let first = 0; first < paths.length;) {
    let last = first, nodes = 0;
    while (last < paths.length && nodes + paths[last]!.length <= 128) {
      nodes += paths[last++]!.length;
    }
    const part = paths.slice(first, last);
    const forest = concatenated(part.map((path) =>
      forestOf(
        Int32Array.from(path, (_, i) => i - 1),
        Uint32Array.from(path, (node) => input.tokens[node]!),
      )
    ));
    let end = 0;
    const unrolled = await gradients({
      ...forest,
      targets: Uint32Array.from(part, (path) => (end += path.length) - 1),
      temperature: input.temperature.slice(first, last),
    }, {
      logprob: weights.logprob.slice(first, last),
      entropy: weights.entropy.slice(first, last),
    });
    for (const score of ["logprob", "entropy"] as const) {
      assertClose(
        unrolled.scores[score],
        tree.scores[score].subarray(first, last),
        { tolerance: 5e-6, name: score },
      );
    }
    for (const [name, data] of unrolled.gradients) {
      const total = totals.get(name) ?? new Float64Array(data.length);
      totals.set(name, total.map((x, i) => x + data[i]!));
    }
    first = last;
  }
  for (const [name, data] of tree.gradients) {
    assertClose(data, totals.get(name)!, { tolerance: 2e-5, name });
  }
});

Deno.test("Transformer gives a tree the same bits whatever follows it in the batch", async () => {
  const first = randomForest("first", 50, V);
  const alone = everyTarget(first);
  const weights = derivatives("first", alone.targets.length);
  const { scores } = await gradients(alone, weights);
  for (const more of [14, 15, 70]) {
    const batch = concatenated([first, randomForest(`more ${more}`, more, V)]);
    const both = everyTarget(batch);
    const { logprob, entropy } = await policy.forward(both);
    const count = alone.targets.length;
    assertEquals(logprob.slice(0, count), scores.logprob);
    assertEquals(entropy.slice(0, count), scores.entropy);
  }
});

Deno.test("Transformer gives a tree the same scores wherever it stands in the batch", async () => {
  const tree = randomForest("moved", 30, V);
  const { logprob } = await policy.forward(everyTarget(tree));
  for (const before of [1, 5, 8, 61]) {
    const batch = concatenated([
      randomForest(`before ${before}`, before, V),
      tree,
    ]);
    const scores = await policy.forward(everyTarget(batch));
    assertClose(scores.logprob.slice(-logprob.length), logprob, {
      tolerance: 3e-6,
    });
  }
});

Deno.test("Transformer takes batches of 1, 63, 64, 65 and 128 nodes alike", async () => {
  const whole = sequence("long", 128);
  const { logprob } = await policy.forward(whole);
  assertEquals(logprob.length, 127);
  for (const length of [63, 64, 65]) {
    const scores = await policy.forward(sequence("long", length));
    assertEquals(scores.logprob, logprob.slice(0, length - 1));
  }
  const one = await policy.forward(everyTarget(randomForest("one", 1, V)));
  assertEquals([one.logprob.length, one.entropy.length], [0, 0]);
});

Deno.test("Transformer without targets has no scores and adds no gradient", async () => {
  const input = {
    ...randomForest("no targets", 20, V),
    targets: new Uint32Array(),
    temperature: new Float32Array(),
  };
  const { scores, gradients: none } = await gradients(
    input,
    derivatives("no targets", 0),
  );
  assertEquals(scores.logprob.length, 0);
  for (const [name, data] of none) {
    assertTrue(data.every((x) => x === 0), name);
  }
  const empty = await policy.forward({
    ...forestOf(new Int32Array(), new Uint32Array()),
    targets: new Uint32Array(),
    temperature: new Float32Array(),
  });
  assertEquals(empty.logprob.length, 0);
});

Deno.test("Transformer adds up the gradients of several batches, to the same bits every time", async () => {
  const [a, b] = [randomInput("batch a", 40), randomInput("batch b", 70)];
  const [da, db] = [a, b].map(({ targets }, i) =>
    derivatives(`batch ${i}`, targets.length)
  ) as [ReturnType<typeof derivatives>, ReturnType<typeof derivatives>];
  const [first, second] = [await gradients(a, da), await gradients(b, db)];
  const together = async () => {
    await policy.forward(a);
    policy.backward(da);
    await policy.forward(b);
    policy.backward(db);
    const result = await gradientsOf(policy);
    policy.discard();
    return result;
  };
  const sums = await together();
  for (const [name, data] of sums) {
    const other = second.gradients.get(name)!;
    const expected = first.gradients.get(name)!.map((x, i) => x + other[i]!);
    assertClose(data, expected, { tolerance: 2e-6, name });
  }
  assertEquals(await together(), sums);
});

Deno.test("Transformer's gradients stay finite where logits are in the hundreds", async () => {
  const weights = hashedWeights(SMALL_SHAPE).map((tensor) =>
    tensor.name === "model.norm.weight"
      ? { ...tensor, data: tensor.data.map((x) => 300 * x) }
      : tensor
  );
  const sharp = testPolicy(planner, { weights });
  const input = randomInput("sharp", 40);
  const { logprob } = await sharp.forward(input);
  assertTrue(logprob.some((x) => x < -100));
  assertTrue(logprob.every((x) => Number.isFinite(x)));
  sharp.backward(derivatives("sharp", input.targets.length));
  for (const [name, data] of await gradientsOf(sharp)) {
    assertTrue(data.every((x) => Number.isFinite(x)), name);
  }
});

Deno.test("Transformer refuses batches too large or too deep, strange tokens and too many targets, and goes on", async () => {
  const small = testPolicy(planner, {
    shape: { ...SMALL_SHAPE, maxPositions: 20 },
    maxNodes: 64,
  });
  await assertRejects(
    () => small.forward(everyTarget(randomForest("wide", 65, V))),
    UserError,
    "65 nodes exceeds the 64 of train.max_nodes",
  );
  await assertRejects(
    () => small.forward(sequence("deep", 21)),
    UserError,
    "21 tokens exceeds the model's 20 positions",
  );
  await assertRejects(
    () => small.forward(everyTarget(randomForest("strange", 60, V + 1))),
    UserError,
    `Token id ${V} is outside the model's vocabulary of ${V}`,
  );
  const tree = everyTarget(randomForest("many", 60, V));
  const copies = [1, 0.9, 0.8].map((warmth) => ({
    targets: [...tree.targets],
    temperature: tree.temperature.map(() => warmth),
  }));
  await assertRejects(
    () =>
      small.forward({
        ...tree,
        targets: Uint32Array.from(copies.flatMap(({ targets }) => targets)),
        temperature: Float32Array.from(
          copies.flatMap(({ temperature }) => [...temperature]),
        ),
      }),
    UserError,
    "leaves room for 128 in 64",
  );
  const scores = await small.forward(sequence("fits", 20));
  assertTrue(scores.logprob.every((x) => x < 0));
});

Deno.test("Transformer scores alike without subgroups", async () => {
  const plain = testPolicy(plainPlanner);
  const input = randomInput("dialects", 50);
  const [native, emulated] = [
    await policy.forward(input),
    await plain.forward(input),
  ];
  assertClose(emulated.logprob, native.logprob, { tolerance: 5e-6 });
  const weights = derivatives("dialects", input.targets.length);
  const { gradients: expected } = await gradients(input, weights);
  plain.backward(weights);
  for (const [name, data] of await gradientsOf(plain)) {
    assertClose(data, expected.get(name)!, { tolerance: 2e-5, name });
  }
});
