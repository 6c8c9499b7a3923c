import { buildBatch, TokenTree } from "../../src/tracker/mod.ts";
import type {
  BatchGroup,
  Call,
  Normalisation,
  TreeBatch,
} from "../../src/tracker/mod.ts";
import { assertAlmostEquals, assertEquals, assertTrue } from "../assert.ts";
import { randomCalls, seeded, shuffled } from "./_random.ts";

/** An episode by its raw calls: what the merged batch must reproduce. */
interface RawEpisode {
  readonly id: string;
  readonly calls: readonly Call[];
  readonly advantage: number;
}

function randomGroups(random: () => number): RawEpisode[][] {
  return Array.from(
    { length: 3 },
    (_, group) =>
      Array.from({ length: 4 }, (_, index) => ({
        id: `${group}/${index}`,
        calls: randomCalls(random),
        advantage: Math.fround(random() * 2 - 1),
      })),
  );
}

function treeOf(calls: readonly Call[]): TokenTree {
  const tree = new TokenTree();
  for (const call of calls) tree.record(call);
  return tree;
}

function toGroups(groups: readonly (readonly RawEpisode[])[]): BatchGroup[] {
  return groups.map((episodes) => ({
    episodes: episodes.map(({ id, calls, advantage }) => ({
      id,
      tree: treeOf(calls),
      advantage,
    })),
  }));
}

function trainable(calls: readonly Call[]): Call[] {
  return calls.filter((call) => call.untrainable === undefined);
}

/** Token ids from the root to a node of a batch. */
function pathTokens(batch: TreeBatch, node: number): number[] {
  const path: number[] = [];
  for (let at = node; at >= 0; at = batch.parents[at]!) {
    path.push(batch.tokens[at]!);
  }
  return path.reverse();
}

/** Every term as text: its episode, unrolled path and numbers; sorted. */
function describeTerms(batches: readonly TreeBatch[]): string[] {
  return batches.flatMap((batch) =>
    Array.from(batch.terms.node, (node, term) =>
      JSON.stringify([
        batch.episodes[batch.terms.episode[term]!],
        pathTokens(batch, node),
        batch.terms.behaviourLogprob[term],
        batch.terms.temperature[term],
        batch.terms.advantage[term],
      ]))
  ).sort();
}

/** The same text from the raw calls, without any tree. */
function describeCalls(groups: readonly (readonly RawEpisode[])[]): string[] {
  return groups.flat().flatMap(({ id, calls, advantage }) =>
    trainable(calls).flatMap((call) =>
      call.tokens.map((_, at) =>
        JSON.stringify([
          id,
          [...call.prompt, ...call.tokens.slice(0, at + 1)],
          call.logprobs[at],
          call.temperature,
          advantage,
        ])
      )
    )
  ).sort();
}

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

Deno.test("buildBatch() has one term for each sample, on the very tokens that the engine saw", () => {
  for (const seed of SEEDS) {
    const groups = randomGroups(seeded(seed));
    const { batches } = buildBatch(toGroups(groups), { maxNodes: 1e6 });
    assertEquals(batches.length, 1);
    assertEquals(describeTerms(batches), describeCalls(groups));
  }
});

Deno.test("buildBatch() stores each distinct prefix once, and only what terms need", () => {
  for (const seed of SEEDS) {
    const groups = randomGroups(seeded(seed));
    const { batches, tokensSeen, tokensComputed } = buildBatch(
      toGroups(groups),
      { maxNodes: 1e6 },
    );
    const prefixes = new Set<string>();
    let seen = 0;
    for (const call of groups.flat().flatMap(({ calls }) => trainable(calls))) {
      const path = [...call.prompt, ...call.tokens];
      path.forEach((_, at) => prefixes.add(path.slice(0, at + 1).join()));
      seen += path.length;
    }
    assertEquals(batches[0]!.tokens.length, prefixes.size);
    assertEquals([tokensSeen, tokensComputed], [seen, prefixes.size]);
  }
});

Deno.test("buildBatch() masks: `k ≤ q < visibleUntil[k]` is ancestor-or-self", () => {
  for (const seed of SEEDS) {
    const [batch] =
      buildBatch(toGroups(randomGroups(seeded(seed))), { maxNodes: 1e6 })
        .batches;
    const { parents, positions, visibleUntil } = batch!;
    for (let q = 0; q < parents.length; q++) {
      const ancestors = new Set<number>();
      for (let at = q; at >= 0; at = parents[at]!) ancestors.add(at);
      assertEquals(positions[q], ancestors.size - 1);
      for (let k = 0; k < parents.length; k++) {
        assertEquals(k <= q && q < visibleUntil[k]!, ancestors.has(k));
      }
    }
  }
});

Deno.test("buildBatch() is the same whatever order calls were recorded in", () => {
  for (const seed of SEEDS) {
    const random = seeded(seed);
    const groups = randomGroups(random);
    const mixed = groups.map((episodes) =>
      episodes.map((episode) => ({
        ...episode,
        calls: shuffled(episode.calls, random),
      }))
    );
    for (const normalisation of ["agent", "sequence"] as const) {
      assertEquals(
        buildBatch(toGroups(mixed), { maxNodes: 40, normalisation }),
        buildBatch(toGroups(groups), { maxNodes: 40, normalisation }),
      );
    }
  }
});

Deno.test("buildBatch() merges the same tree whatever order episodes come in", () => {
  for (const seed of SEEDS) {
    const random = seeded(seed);
    const groups = randomGroups(random);
    const mixed = shuffled(groups, random)
      .map((episodes) => shuffled(episodes, random));
    const one = buildBatch(toGroups(groups), { maxNodes: 1e6 });
    const two = buildBatch(toGroups(mixed), { maxNodes: 1e6 });
    for (
      const key of ["tokens", "positions", "parents", "visibleUntil"] as const
    ) {
      assertEquals(one.batches[0]![key], two.batches[0]![key]);
    }
    assertEquals(describeTerms(one.batches), describeTerms(two.batches));
  }
});

Deno.test("buildBatch() splits into micro-batches between episodes, losing no sample", () => {
  for (const seed of SEEDS) {
    const groups = randomGroups(seeded(seed));
    const { batches, tooLong } = buildBatch(toGroups(groups), { maxNodes: 45 });
    assertEquals(tooLong, []);
    assertTrue(batches.length > 1);
    assertTrue(batches.every(({ tokens }) => tokens.length <= 45));
    assertEquals(describeTerms(batches), describeCalls(groups));
    const ids = batches.flatMap(({ episodes }) => episodes);
    assertEquals(new Set(ids).size, ids.length);
  }
});

Deno.test("buildBatch() keeps a group whole where it fits in a micro-batch", () => {
  const episode = (id: string, token: number) => ({
    id,
    advantage: 1,
    calls: [linear([1, 2, 3, token], [4, 5])],
  });
  const groups = [1, 2, 3].map((group) => [
    episode(`${group}a`, 10 * group),
    episode(`${group}b`, 10 * group + 1),
  ]);
  // Three shared tokens and two branches of three make 9 nodes; two groups share 3 of them: 15.
  const split = (maxNodes: number) =>
    buildBatch(toGroups(groups), { maxNodes }).batches
      .map(({ episodes }) => episodes.join());
  assertEquals(split(15), ["1a,1b,2a,2b", "3a,3b"]);
  assertEquals(split(14), ["1a,1b", "2a,2b", "3a,3b"]);
  assertEquals(split(8), ["1a", "1b", "2a", "2b", "3a", "3b"]);
});

Deno.test("buildBatch() names an episode that does not fit, and goes on", () => {
  const groups = [[
    { id: "short", advantage: 1, calls: [linear([1], [2])] },
    { id: "long", advantage: 1, calls: [linear([1, 2, 3], [4, 5])] },
    { id: "other", advantage: 1, calls: [linear([2], [3])] },
  ]];
  const { batches, tooLong, tokensSeen } = buildBatch(toGroups(groups), {
    maxNodes: 4,
  });
  assertEquals(tooLong, [{ id: "long", nodes: 5 }]);
  assertEquals(batches.map(({ episodes }) => episodes), [["short", "other"]]);
  assertEquals(tokensSeen, 4);
});

Deno.test("buildBatch() leaves out what has no gradient", () => {
  const groups = toGroups([
    [{ id: "a", advantage: 1, calls: [linear([1], [2])] }],
    [{ id: "b", advantage: 0, calls: [linear([1], [3, 4])] }],
    [{ id: "none", advantage: 1, calls: [] }],
  ]);
  const skipped = groups.map((group, at) => ({ ...group, skip: at === 1 }));
  const batch = buildBatch(skipped, { maxNodes: 10, normalisation: "token" });
  assertEquals(batch.tokensComputed, 2);
  // The skipped group's tokens still count in the normalisation: 1 of 3 tokens.
  assertAlmostEquals(batch.batches[0]!.terms.weight[0]!, 1 / 3);
  const none = buildBatch(groups.map((group) => ({ ...group, skip: true })), {
    maxNodes: 10,
  });
  assertEquals([none.batches, none.tokensSeen], [[], 0]);
});

Deno.test("buildBatch() weighs episodes, agents, timelines and tokens as named", () => {
  // Two agents; the first call is continued by two parallel calls, one of them sampled twice.
  const branching = [
    linear([1], [2, 3]),
    linear([1, 2, 3, 4], [5]),
    linear([1, 2, 3, 6], [7]),
    linear([1, 2, 3, 6], [7]),
    linear([8], [9, 9, 9, 9], "critic"),
  ].map((call, at) => ({ ...call, id: `${at}` }));
  const groups = toGroups([[
    { id: "branching", advantage: 1, calls: branching },
    { id: "plain", advantage: 1, calls: [linear([1], [3])] },
  ]]);
  const weights = (normalisation: Normalisation) => {
    const { batches } = buildBatch(groups, {
      maxNodes: 100,
      normalisation,
      constantLength: 50,
    });
    const [batch] = batches;
    const { node, weight } = batch!.terms;
    return Array.from(node, (at, term) => [
      pathTokens(batch!, at).join(" "),
      Math.round(1 / weight[term]! * 1e3) / 1e3,
    ]);
  };
  const paths = [
    "1 2",
    "1 2 3",
    "1 2 3 4 5",
    "1 2 3 6 7",
    "1 2 3 6 7",
    "8 9",
    "8 9 9",
    "8 9 9 9",
    "8 9 9 9 9",
    "1 3",
  ];
  const zip = (inverse: number[]) =>
    paths.map((path, at) => [path, inverse[at]]);
  assertEquals(
    weights("episode"),
    zip([18, 18, 18, 18, 18, 18, 18, 18, 18, 2]),
  );
  assertEquals(
    weights("agent"),
    zip([20, 20, 20, 20, 20, 16, 16, 16, 16, 2]),
  );
  assertEquals(weights("token"), zip(Array(10).fill(10)));
  assertEquals(weights("constant"), zip(Array(10).fill(100)));
  // Five timelines: three of 3 trained tokens that share 2 of them, one of 4, one of 1.
  assertEquals(
    weights("sequence"),
    zip([5, 5, 15, 15, 15, 20, 20, 20, 20, 5]),
  );
});

Deno.test("buildBatch() computes a long conversation once instead of once a turn", () => {
  const episodes = Array.from({ length: 8 }, (_, index) => {
    const calls: Call[] = [];
    let history = Array.from({ length: 200 }, (_, at) => at);
    for (let turn = 0; turn < 6; turn++) {
      const sampled = Array.from({ length: 40 }, (_, at) => 1000 * index + at);
      calls.push({ ...linear(history, sampled), id: `${turn}` });
      history = [...history, ...sampled];
    }
    return { id: `${index}`, advantage: 1, calls };
  });
  const { tokensSeen, tokensComputed } = buildBatch(toGroups([episodes]), {
    maxNodes: 1e5,
  });
  assertEquals(tokensSeen, 8 * (6 * 200 + 40 * 21));
  assertEquals(tokensComputed, 200 + 8 * 240);
});

/** A trainable call of the agent. */
function linear(
  prompt: readonly number[],
  tokens: readonly number[],
  agent = "default",
): Call {
  return {
    id: "call",
    agent,
    prompt,
    tokens,
    logprobs: tokens.map(() => -1),
    temperature: 1,
    finishReason: "stop",
    policyVersion: 0,
  };
}
