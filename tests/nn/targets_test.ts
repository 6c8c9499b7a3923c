import { UserError } from "../../src/errors.ts";
import { planTargets } from "../../src/nn/targets.ts";
import { assertEquals, assertThrows } from "../assert.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";
import { randomForest } from "./_forest.ts";

const TEMPERATURES = [0, 0.5, 1, 1.25];

Deno.test("planTargets() gives each target a row of its parent at its temperature, each row once", () => {
  for (let seed = 0; seed < 20; seed++) {
    const forest = randomForest(`targets ${seed}`, 90, 30);
    const nodes = [...forest.parents.keys()].filter((node) =>
      forest.parents[node]! >= 0
    );
    const picks = hashed(`picks ${seed}`, 40);
    const targets = Uint32Array.from(
      picks,
      (x) => nodes[Math.floor((x + 1) / 2 * nodes.length)]!,
    );
    const temperature = Float32Array.from(
      hashedIntegers(`warmth ${seed}`, 40, TEMPERATURES.length),
      (i) => TEMPERATURES[i]!,
    );
    const plan = planTargets({ ...forest, targets, temperature });
    const rows = new Set(
      [...targets].map((node, p) =>
        `${forest.parents[node]} ${temperature[p]}`
      ),
    );
    assertEquals(plan.rows, rows.size);
    assertEquals(plan.count, targets.length);
    assertEquals([...plan.order].sort((a, b) => a - b), [...targets.keys()]);
    assertEquals(plan.index.length % 64, 0);
    assertEquals(plan.inverseTemperature.length, plan.index.length);
    assertEquals(plan.rowTargets.length, plan.index.length + 1);
    for (let i = 0; i < plan.count; i++) {
      const place = plan.order[i]!, node = targets[place]!;
      const [row, token] = plan.targets.subarray(2 * i, 2 * i + 2);
      assertEquals(plan.index[row!], forest.parents[node]);
      assertEquals(token, forest.tokens[node]);
      assertEquals(
        plan.inverseTemperature[row!],
        Math.fround(1 / (temperature[place]! || 1)),
      );
      assertEquals(
        plan.rowTargets[row!]! <= i && i < plan.rowTargets[row! + 1]!,
        true,
      );
    }
    // Rows of one parent stand side by side, and padding owns no target.
    const live = [...plan.index.subarray(0, plan.rows)];
    assertEquals(live, live.toSorted((a, b) => a - b));
    assertEquals(
      new Set(plan.rowTargets.subarray(plan.rows)),
      new Set([plan.count]),
    );
  }
});

Deno.test("planTargets() takes no targets, and exactly as many rows as it pads to", () => {
  const forest = randomForest("sixty-five", 65, 10);
  const path = {
    ...forest,
    parents: Int32Array.from({ length: 65 }, (_, i) => i - 1),
  };
  const none = planTargets({
    ...path,
    targets: new Uint32Array(),
    temperature: new Float32Array(),
  });
  assertEquals([none.rows, none.count, none.index.length], [0, 0, 64]);
  const all = planTargets({
    ...path,
    targets: Uint32Array.from({ length: 64 }, (_, i) => i + 1),
    temperature: new Float32Array(64).fill(1),
  });
  assertEquals([all.rows, all.count, all.index.length], [64, 64, 64]);
  assertEquals(all.rowTargets.at(-1), 64);
});

Deno.test("planTargets() refuses a root, which nothing predicts", () => {
  const forest = randomForest("roots", 10, 10);
  assertThrows(
    () =>
      planTargets({
        ...forest,
        targets: Uint32Array.of(0),
        temperature: Float32Array.of(1),
      }),
    UserError,
    "Node 0 is a root",
  );
});
