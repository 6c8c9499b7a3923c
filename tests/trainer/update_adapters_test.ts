import type { Policy } from "../../src/nn/mod.ts";
import {
  type Call,
  type Normalisation,
  TokenTree,
} from "../../src/tracker/mod.ts";
import {
  agentMetrics,
  algorithm,
  type TrainGroup,
  update,
  updateAdapters,
} from "../../src/trainer/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { randomCalls, seeded } from "../tracker/_random.ts";
import { TablePolicy } from "./_table_policy.ts";

/** A policy whose agent "critic" has an adapter of its own: a table each. */
class Pair extends TablePolicy {
  override readonly adapters = ["default", "critic"];
  readonly critic = new TablePolicy(seeded(2));

  override of(adapter: string): Policy {
    return adapter === "critic" ? this.critic : this;
  }
}

const OPTIONS = {
  optimizer: {
    learningRate: 1,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    maxGradNorm: 0,
  },
  epochs: 2,
  minibatches: 2,
};

/** Random groups; calls that `isLeftOut` are recorded as untrainable. */
function groups(isLeftOut: (call: Call) => boolean): TrainGroup[] {
  const random = seeded(5);
  return Array.from({ length: 4 }, (_, group) => ({
    episodes: Array.from({ length: 4 }, (_, index) => {
      const tree = new TokenTree();
      for (const call of randomCalls(random)) {
        tree.record(
          isLeftOut(call) ? { untrainable: "left out", ...call } : call,
        );
      }
      return { id: `${group}/${index}`, tree, reward: random() };
    }),
  }));
}

Deno.test("updateAdapters() takes for each adapter the update in which only its own agents' calls are trained on", async () => {
  for (
    const normalisation of [
      "episode",
      "agent",
      "sequence",
      "token",
      "constant",
    ] as const satisfies readonly Normalisation[]
  ) {
    const options = {
      ...OPTIONS,
      algorithm: { ...algorithm("grpo"), normalisation },
    };
    const both = new Pair(seeded(1));
    const all = groups(() => false);
    const before = JSON.stringify(all.map(({ episodes }) => episodes));
    const updated = await updateAdapters(both, all, options);
    assertEquals(JSON.stringify(all.map(({ episodes }) => episodes)), before);

    const alone = {
      default: new TablePolicy(seeded(1)),
      critic: new TablePolicy(seeded(2)),
    };
    for (const adapter of ["default", "critic"] as const) {
      const own = groups(({ agent }) => agent !== adapter);
      const expected = await update(alone[adapter], own, options);
      assertEquals(updated.get(adapter), expected);
      assertTrue(expected.gradNorm! > 0);
    }
    assertEquals(both.table, alone.default.table);
    assertEquals(both.critic.table, alone.critic.table);
  }
});

Deno.test("updateAdapters() leaves an adapter without calls as it is", async () => {
  const both = new Pair(seeded(1));
  const options = { ...OPTIONS, algorithm: algorithm("grpo") };
  const silent = groups(({ agent }) => agent === "critic");
  const updated = await updateAdapters(both, silent, options);
  assertEquals(both.critic.work, []);
  assertEquals(agentMetrics(updated), {
    "critic.tokensTrained": 0,
    "critic.optimizerSteps": 0,
  });
  assertEquals(updated.get("default")!.optimizerSteps, 4);
});
