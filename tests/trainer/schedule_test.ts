import { schedule } from "../../src/trainer/mod.ts";
import { assertAlmostEquals } from "../assert.ts";

Deno.test("schedule() warms up, then holds or decays towards zero", () => {
  const rates = (decay: "none" | "linear" | "cosine") =>
    Array.from(
      { length: 8 },
      (_, step) =>
        schedule(step, { learningRate: 1, warmupSteps: 2, decay, steps: 6 }),
    );
  const expected = {
    none: [0.5, 1, 1, 1, 1, 1, 1, 1],
    linear: [0.5, 1, 1, 0.75, 0.5, 0.25, 0, 0],
    cosine: [
      0.5,
      1,
      1,
      (1 + Math.SQRT1_2) / 2,
      0.5,
      (1 - Math.SQRT1_2) / 2,
      0,
      0,
    ],
  };
  for (const decay of ["none", "linear", "cosine"] as const) {
    rates(decay).forEach((rate, step) =>
      assertAlmostEquals(
        rate,
        expected[decay][step]!,
        1e-12,
        `${decay} ${step}`,
      )
    );
  }
});

Deno.test("schedule() is flat without options", () => {
  assertAlmostEquals(schedule(0, { learningRate: 3, steps: 1 }), 3, 0);
  assertAlmostEquals(
    schedule(0, { learningRate: 3, warmupSteps: 5, decay: "linear", steps: 2 }),
    0.6,
    1e-12,
  );
});
