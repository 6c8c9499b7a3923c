import { advantages } from "../../src/trainer/mod.ts";
import type { AdvantagesOptions } from "../../src/trainer/mod.ts";
import { assertAlmostEquals, assertEquals } from "../assert.ts";

function check(
  groups: number[][],
  options: AdvantagesOptions,
  expected: number[][],
): void {
  const actual = advantages(groups, { advantageEpsilon: 0, ...options });
  expected.forEach((row, group) =>
    row.forEach((value, index) => {
      const got = actual[group]!.advantages[index]!;
      if (Number.isNaN(value)) assertEquals(got, NaN);
      else assertAlmostEquals(got, value, 1e-9);
    })
  );
}

Deno.test("advantages() compares each reward as the algorithm says", () => {
  const groups = [[1, 0, 0, 0], [3, 1, 3, 1]];
  const sd = 2 / Math.sqrt(3); // of the second group, over n − 1
  check(groups, { advantage: "group_mean" }, [
    [0.75, -0.25, -0.25, -0.25],
    [1, -1, 1, -1],
  ]);
  check(groups, {}, [
    [1.5, -0.5, -0.5, -0.5],
    [1 / sd, -1 / sd, 1 / sd, -1 / sd],
  ]);
  check(groups, { deviation: "population" }, [
    [Math.sqrt(3), ...Array(3).fill(-1 / Math.sqrt(3))],
    [1, -1, 1, -1],
  ]);
  check(groups, { advantage: "leave_one_out" }, [
    [1, -1 / 3, -1 / 3, -1 / 3],
    [4 / 3, -4 / 3, 4 / 3, -4 / 3],
  ]);
});

Deno.test("advantages() can use the whole batch's mean and deviation", () => {
  check([[0, 0], [2, 2]], { advantage: "batch", deviation: "population" }, [
    [-1, -1],
    [1, 1],
  ]);
  check([[0, 2], [5, 9]], {
    advantage: "group_mean_batch_std",
    deviation: "population",
  }, [
    [-1 / Math.sqrt(2.5), 1 / Math.sqrt(2.5)],
    [-2 / Math.sqrt(2.5), 2 / Math.sqrt(2.5)],
  ]);
});

Deno.test("advantages() leaves failed episodes out of every comparison", () => {
  check([[1, NaN, 0]], { advantage: "group_mean" }, [[0.5, NaN, -0.5]]);
  check([[1, NaN, 0]], { advantage: "leave_one_out" }, [[1, NaN, -1]]);
  check([[1, NaN], [0, NaN]], {
    advantage: "batch",
    deviation: "population",
  }, [[1, NaN], [-1, NaN]]);
});

Deno.test("advantages() marks groups that have nothing to teach, whatever the rounding", () => {
  const groups = [
    [0.1, 0.1, 0.1], // their sum divided by 3 is not 0.1
    [1, 0, 0],
    [1],
    [1, NaN, NaN],
    [NaN, NaN],
    [],
  ];
  for (
    const advantage of [
      "group_std",
      "group_mean",
      "leave_one_out",
      "group_mean_batch_std",
    ] as const
  ) {
    const compared = advantages(groups, { advantage, advantageEpsilon: 0 });
    assertEquals(
      compared.map(({ signal }) => signal),
      [false, true, false, false, false, false],
    );
    assertEquals(compared[0]!.advantages, [0, 0, 0]);
    assertEquals(compared[3]!.advantages, [0, NaN, NaN]);
  }
  const batch = advantages([[1, 1], [0, 0]], { advantage: "batch" });
  assertEquals(batch.map(({ signal }) => signal), [true, true]);
  const flat = advantages([[0.1, 0.1], [0.1]], { advantage: "batch" });
  assertEquals(flat.map(({ signal }) => signal), [false, false]);
});
