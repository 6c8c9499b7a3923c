import { ASTunerError } from "../../src/errors.ts";
import { TokenTree } from "../../src/tracker/mod.ts";
import type { Call } from "../../src/tracker/mod.ts";
import { advantages, algorithm, update } from "../../src/trainer/mod.ts";
import type {
  AlgorithmName,
  ScoredTerms,
  TrainGroup,
  UpdateOptions,
} from "../../src/trainer/mod.ts";
import {
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertTrue,
} from "../assert.ts";
import { randomCalls, seeded } from "../tracker/_random.ts";
import { TablePolicy, V } from "./_table_policy.ts";

const OPTIMIZER = {
  learningRate: 1,
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 0,
};

function options(changes: Partial<UpdateOptions> = {}): UpdateOptions {
  return { algorithm: algorithm("grpo"), optimizer: OPTIMIZER, ...changes };
}

/** Episodes by their calls and rewards, as `update` takes them. */
function toGroups(
  groups: readonly (readonly { calls: readonly Call[]; reward: number }[])[],
): TrainGroup[] {
  return groups.map((episodes, group) => ({
    episodes: episodes.map(({ calls, reward }, index) => {
      const tree = new TokenTree();
      for (const call of calls) tree.record(call);
      return { id: `${group}/${index}`, tree, reward };
    }),
  }));
}

function randomGroups(random: () => number) {
  return Array.from({ length: 3 }, () =>
    Array.from({ length: 4 }, () => ({
      calls: randomCalls(random),
      reward: random(),
    })));
}

/** An agent with two turns of two tokens; its reward is the share of tokens that count one up. */
function play(
  policy: TablePolicy,
  start: number,
  random: () => number,
): { calls: Call[]; reward: number } {
  const calls: Call[] = [];
  const history = [start];
  let right = 0;
  for (let turn = 0; turn < 2; turn++) {
    const prompt = [...history];
    const logprobs: number[] = [];
    for (let at = 0; at < 2; at++) {
      const probabilities = policy.next(history);
      const token = draw(probabilities, random());
      if (token === (history.at(-1)! + 1) % V) right++;
      history.push(token);
      logprobs.push(Math.log(probabilities[token]!));
    }
    calls.push({
      id: `${turn}`,
      agent: "default",
      prompt,
      tokens: history.slice(-2),
      logprobs,
      temperature: 1,
      finishReason: "stop",
      policyVersion: policy.version,
    });
    history.push(start);
  }
  return { calls, reward: right / 4 };
}

function draw(probabilities: readonly number[], uniform: number): number {
  let left = uniform;
  for (const [token, p] of probabilities.entries()) {
    left -= p;
    if (left < 0) return token;
  }
  return probabilities.length - 1;
}

Deno.test("update() makes rewards rise under every algorithm", async () => {
  const rates: Record<AlgorithmName, number> = {
    "grpo": 4,
    "drgrpo": 4 * 1024, // its weights are those of 1,024 tokens
    "dapo": 4,
    "rloo": 4,
    "reinforce++": 4,
    "gspo": 4,
    "cispo": 4,
  };
  for (const [name, learningRate] of Object.entries(rates)) {
    const random = seeded(7);
    const policy = new TablePolicy(random);
    const rewards: number[] = [];
    for (let step = 0; step < 30; step++) {
      const groups = [0, 1, 2, 3].map((task) =>
        Array.from({ length: 8 }, () => play(policy, task, random))
      );
      const all = groups.flat();
      rewards.push(all.reduce((sum, { reward }) => sum + reward, 0) / 32);
      await update(
        policy,
        toGroups(groups),
        options({
          algorithm: algorithm(name as AlgorithmName),
          optimizer: { ...OPTIMIZER, learningRate },
        }),
      );
    }
    assertTrue(
      rewards.at(-1)! > rewards[0]! + 0.5,
      `${name}: ${rewards[0]} to ${rewards.at(-1)}`,
    );
  }
});

Deno.test("update() has the gradient of the unrolled sequences, split or not", async () => {
  for (let seed = 0; seed < 10; seed++) {
    const groups = randomGroups(seeded(seed));

    // Every trainable call alone, as a plain sequence with all its prompt.
    const plain = new TablePolicy(seeded(100));
    const compared = advantages(
      groups.map((episodes) => episodes.map(({ reward }) => reward)),
    );
    for (const [group, episodes] of groups.entries()) {
      for (const [index, { calls }] of episodes.entries()) {
        const trained = calls.filter((call) => call.untrainable === undefined);
        const count = trained.reduce((sum, c) => sum + c.tokens.length, 0);
        const A = compared[group]!.advantages[index]!;
        for (const call of trained) {
          const { logprob } = await plain.forward(sequence(call));
          await plain.backward({
            logprob: logprob.map((value, at) => {
              const factor = Math.exp(value - call.logprobs[at]!);
              return -Math.min(2, factor) * A / (12 * count);
            }),
            entropy: new Float32Array(logprob.length),
          });
        }
      }
    }
    await plain.step(OPTIMIZER);

    for (const maxNodes of [1000, 45]) {
      const policy = new TablePolicy(seeded(100), maxNodes);
      const metrics = await update(policy, toGroups(groups), options());
      const forwards = policy.work.filter((name) => name === "forward").length;
      assertEquals(forwards === 1, maxNodes === 1000);
      assertEquals(metrics.optimizerSteps, 1);
      policy.table.forEach((weight, at) =>
        assertAlmostEquals(weight, plain.table[at]!, 1e-6)
      );
    }
  }
});

/** A call as a forward pass of its own. */
function sequence(call: Call) {
  const tokens = Uint32Array.from([...call.prompt, ...call.tokens]);
  const N = tokens.length;
  return {
    tokens,
    positions: tokens.map((_, at) => at),
    parents: Int32Array.from(tokens, (_, at) => at - 1),
    visibleUntil: tokens.map(() => N),
    targets: Uint32Array.from(call.tokens, (_, at) => call.prompt.length + at),
    temperature: Float32Array.from(call.tokens, () => call.temperature),
  };
}

Deno.test("update() asks once for a token that several episodes sampled alike", async () => {
  const call: Call = {
    id: "a",
    agent: "default",
    prompt: [1],
    tokens: [2, 3],
    logprobs: [-1, -1],
    temperature: 1,
    finishReason: "stop",
    policyVersion: 0,
  };
  const asked: number[][] = [];
  class Listening extends TablePolicy {
    override forward(...[input, keep]: Parameters<TablePolicy["forward"]>) {
      asked.push([...input.targets]);
      return super.forward(input, keep);
    }
  }
  const metrics = await update(
    new Listening(seeded(1)),
    toGroups([[
      { calls: [call, { ...call, id: "b" }], reward: 1 },
      { calls: [call], reward: 0 },
      { calls: [{ ...call, temperature: 0.5 }], reward: 0 },
    ]]),
    options(),
  );
  assertEquals(asked, [[1, 2, 1, 2]]); // once for each of two temperatures
  assertEquals([metrics.tokensTrained, metrics.tokensComputed], [8, 3]);
});

Deno.test("update() takes one step for each minibatch of each epoch, against the first logprobs", async () => {
  const random = seeded(3);
  const policy = new TablePolicy(random);
  const groups = [0, 1, 2, 3].map((task) =>
    Array.from({ length: 8 }, () => play(policy, task, random))
  );
  const metrics = await update(
    policy,
    toGroups(groups),
    options({ epochs: 3, minibatches: 2 }),
  );
  const once = ["forward", "backward", "step", "forward", "backward", "step"];
  assertEquals(policy.work, ["score", "score", ...once, ...once, ...once]);
  assertEquals(metrics.optimizerSteps, 6);
  assertTrue(metrics.policy!.ratioMax > 1.2);
  assertTrue(metrics.policy!.clipFractionHigh > 0);
  // The engine was the policy itself; what the steps changed since is not a gap.
  assertTrue(metrics.policy!.logprobGapMax < 1e-6);
});

Deno.test("update() measures the gap to the engine, and what it shows, without dropout", async () => {
  class Dropping extends TablePolicy {
    override readonly dropout = 0.5;
    override async forward(
      ...[input, options]: Parameters<TablePolicy["forward"]>
    ) {
      if (options?.keep === false) return super.forward(input, options);
      const { table } = this;
      this.table = table.map((logit, at) => at % 2 === 0 ? 2 * logit : 0);
      try {
        return await super.forward(input, options);
      } finally {
        this.table = table;
      }
    }
  }
  const random = seeded(3);
  const policy = new Dropping(random);
  const groups = [0, 1].map((task) =>
    Array.from({ length: 8 }, () => play(policy, task, random))
  );
  const seen: ScoredTerms[] = [];
  const metrics = await update(
    policy,
    toGroups(groups),
    options({ observe: (scored) => seen.push(scored) }),
  );
  assertEquals(policy.work, ["score", "forward", "backward", "step"]);
  // The engine was the policy itself, and dropped nothing.
  assertTrue(metrics.policy!.logprobGapMax < 1e-6);
  assertEquals(metrics.policy!.truncatedFraction, 0);
  const [{ batch, logprob }] = seen as [ScoredTerms];
  batch.terms.behaviourLogprob.forEach((sampled, term) =>
    assertAlmostEquals(logprob[term]!, sampled, 1e-6)
  );
  // The update is that of the network with what was dropped.
  assertTrue(metrics.policy!.ratioMax > 1.2);
});

Deno.test("update() shows each call's logprobs before the update, and its ratios in each epoch", async () => {
  const random = seeded(11);
  const policy = new TablePolicy(random);
  const groups = toGroups(randomGroups(random));
  const trees = new Map(
    groups.flatMap(({ episodes }) => episodes).map((
      { id, tree },
    ) => [id, tree]),
  );
  const expected = new Map<string, number>();
  for (const [episode, tree] of trees) {
    for (const call of tree.calls) {
      tree.sampledNodes(call).forEach((node, at) => {
        const path = [...tree.path(node)].map((on) => tree.tokens[on]!);
        const p = policy.next(path.slice(0, -1), call.temperature);
        const key = `${episode} ${call.id} ${at}`;
        expected.set(key, Math.log(p[path.at(-1)!]!));
      });
    }
  }

  const seen = new Set<string>();
  let clipped = 0;
  let terms = 0;
  const { policy: metrics } = await update(
    policy,
    groups,
    options({
      algorithm: algorithm("grpo", { clipLow: 1e-3, clipHigh: 1e-3 }),
      epochs: 2,
      observe(scored) {
        terms += scored.logprob.length;
        clipped += scored.clipped.filter((side) => side !== 0).length;
        for (const { episode, call, from, to } of scored.batch.calls) {
          for (let term = from; term < to; term++) {
            const key = `${episode} ${call} ${term - from}`;
            seen.add(`${scored.epoch} ${key}`);
            assertAlmostEquals(scored.logprob[term]!, expected.get(key)!, 1e-5);
            if (scored.epoch === 0) {
              assertAlmostEquals(scored.ratio[term]!, 1, 1e-5);
            }
          }
        }
      },
    }),
  );
  assertEquals(terms, seen.size);
  assertTrue(clipped > 0);
  assertAlmostEquals(
    clipped / terms,
    metrics!.clipFractionLow + metrics!.clipFractionHigh,
  );
});

Deno.test("update() spends nothing on groups without spread", async () => {
  const random = seeded(4);
  const policy = new TablePolicy(random);
  const flat = [0, 1].map((task) =>
    Array.from({ length: 4 }, () => ({
      ...play(policy, task, random),
      reward: 0.3,
    }))
  );
  const none = await update(
    policy,
    toGroups(flat),
    options({ algorithm: algorithm("grpo", { kl: "k3" }) }),
  );
  assertEquals(policy.work, []);
  assertEquals(none, {
    optimizerSteps: 0,
    groups: 2,
    groupsSkipped: 2,
    tokensSeen: 0,
    tokensComputed: 0,
    tokensTrained: 0,
    tooLong: [],
  });

  const live = [play(policy, 2, random), play(policy, 3, random)]
    .map((episode, at) => ({ ...episode, reward: at }));
  const some = await update(
    policy,
    toGroups([...flat, live]),
    options({ minibatches: 3 }),
  );
  assertEquals([some.optimizerSteps, some.groupsSkipped], [1, 2]);
});

Deno.test("update() ignores failed episodes", async () => {
  const random = seeded(5);
  const [one, two] = [new TablePolicy(seeded(6)), new TablePolicy(seeded(6))];
  const group = Array.from({ length: 4 }, () => play(one, 0, random));
  const failed = { calls: play(one, 0, random).calls, reward: NaN };
  const left = await update(one, toGroups([group]), options());
  const right = await update(two, toGroups([[...group, failed]]), options());
  assertEquals(left, right);
  assertEquals(one.table, two.table);
});

Deno.test("update() measures the divergence from the reference and pulls back to it", async () => {
  const random = seeded(8);
  const policy = new TablePolicy(random);
  const groups = () =>
    [0, 1].map((task) =>
      Array.from({ length: 16 }, () => play(policy, task, random))
    );
  const kl = async (klCoefficient: number) => {
    const { policy: metrics } = await update(
      policy,
      toGroups(groups()),
      options({ algorithm: algorithm("grpo", { kl: "k3", klCoefficient }) }),
    );
    return metrics!.kl!;
  };
  assertAlmostEquals(await kl(0), 0, 1e-9);
  for (let step = 0; step < 10; step++) await kl(0);
  const far = await kl(0);
  for (let step = 0; step < 20; step++) await kl(2);
  const near = await kl(2);
  assertTrue(far > 0.02 && near < far / 2, `${far} to ${near}`);
});

Deno.test("update() stops before a step whose loss is not finite", async () => {
  const random = seeded(9);
  const policy = new TablePolicy(random);
  const group = Array.from({ length: 4 }, () => play(policy, 0, random));
  policy.table.fill(NaN);
  await assertRejects(
    () => update(policy, toGroups([group]), options()),
    ASTunerError,
    /episodes 0\/0, 0\/1, 0\/2, 0\/3 is NaN/,
  );
  assertEquals(policy.work, ["forward", "discard"]);
});

Deno.test("update() names episodes that are too long for the policy", async () => {
  const random = seeded(10);
  const policy = new TablePolicy(random, 3);
  const group = Array.from({ length: 2 }, (_, reward) => ({
    ...play(policy, 0, random),
    reward,
  }));
  const metrics = await update(policy, toGroups([group]), options());
  assertEquals(metrics.tooLong, [
    { id: "0/0", nodes: 6 },
    { id: "0/1", nodes: 6 },
  ]);
  assertEquals([metrics.optimizerSteps, policy.work], [0, []]);
});
