import { algorithm, policyLoss } from "../../src/trainer/mod.ts";
import type {
  Algorithm,
  AlgorithmName,
  PolicyLossOptions,
  TermScores,
} from "../../src/trainer/mod.ts";
import type { Terms } from "../../src/tracker/mod.ts";
import { assertAlmostEquals, assertEquals, assertTrue } from "../assert.ts";
import golden from "../golden/losses/losses.json" with { type: "json" };
import { seeded } from "../tracker/_random.ts";
import { batchOf } from "./_sequences.ts";

/** Fails unless two lists agree relative to the largest entry of the expected one. */
function assertClose(
  actual: Float32Array,
  expected: readonly number[],
  message: string,
): void {
  assertEquals(actual.length, expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expected.forEach((value, at) =>
    assertAlmostEquals(actual[at]!, value, 1e-4 * scale, `${message}[${at}]`)
  );
}

Deno.test("policyLoss() agrees with TRL and PyTorch on every algorithm", () => {
  assertEquals(
    new Set(golden.cases.map(({ algorithm }) => algorithm)).size,
    7,
  );
  for (const expected of golden.cases) {
    const chosen = algorithm(
      expected.algorithm as AlgorithmName,
      expected.options as Algorithm,
    );
    const { terms } = batchOf(golden, chosen);
    terms.referenceLogprob.set(golden.referenceLogprob);
    const onPolicy = expected.name.endsWith("on policy");
    const actual = policyLoss(terms, {
      logprob: Float32Array.from(golden.logprob),
      entropy: Float32Array.from(golden.entropy),
      ...(!onPolicy && { oldLogprob: Float32Array.from(golden.oldLogprob) }),
    }, chosen);
    assertAlmostEquals(
      actual.loss,
      expected.loss,
      1e-4 * Math.max(Math.abs(expected.loss), 1e-2), // on policy it is 0, up to rounding
      expected.name,
    );
    assertClose(
      actual.logprobGradient,
      expected.logprobGradient,
      `${expected.name}: logprobGradient`,
    );
    assertClose(
      actual.entropyGradient,
      expected.entropyGradient,
      `${expected.name}: entropyGradient`,
    );
  }
});

/** Random terms of three episodes; ratios spread around 1, far enough to be clipped. */
function randomTerms(seed: number): { terms: Terms; scores: TermScores } {
  const random = seeded(seed);
  const M = 12;
  const column = (value: (term: number) => number) =>
    Float32Array.from({ length: M }, (_, term) => value(term));
  const oldLogprob = column(() => -0.5 - 2 * random());
  return {
    terms: {
      node: Uint32Array.from({ length: M }, (_, term) => term + 1),
      episode: Uint32Array.from([0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2]),
      advantage: column((term) => [1.3, -0.7, -1.9][term >> 2]!),
      behaviourLogprob: column((term) => oldLogprob[term]! + random() - 0.5),
      referenceLogprob: column((term) => oldLogprob[term]! + random() - 0.5),
      weight: column(() => 0.1 + random()),
      temperature: column(() => 1),
    },
    scores: {
      logprob: column((term) => oldLogprob[term]! + 1.2 * random() - 0.6),
      entropy: column(() => 2 * random()),
      oldLogprob,
    },
  };
}

Deno.test("policyLoss() has the derivatives of its loss, whatever the options", () => {
  const options: PolicyLossOptions[] = [
    ...(["clip", "reinforce"] as const).flatMap((surrogate) =>
      (["token", "geometric_mean", "product"] as const).map((ratio) => ({
        surrogate,
        ratio,
      }))
    ),
    { dualClip: 1.4 },
    { kl: "k1", klCoefficient: 0.3 },
    { kl: "k2", klCoefficient: 0.3 },
    { kl: "k3", klCoefficient: 0.3, entropyBonus: 0.05 },
    { importance: "none" },
    { importance: "mask", importanceCap: 1.2, importanceFloor: 0.8 },
    { importance: "episode_truncate", importanceCap: 1.1 },
    { importance: "episode_mask", importanceCap: 1.1, ratio: "geometric_mean" },
    { sequenceMask: "geometric_mean", sequenceMaskHigh: 1.05 },
    { importance: "none", sequenceMask: "product", sequenceMaskLow: 0.9 },
  ];
  for (const [seed, chosen] of options.entries()) {
    const { terms, scores } = randomTerms(seed);
    const { logprobGradient, entropyGradient } = policyLoss(
      terms,
      scores,
      chosen,
    );
    for (let term = 0; term < logprobGradient.length; term++) {
      for (
        const [key, gradient] of [
          ["logprob", logprobGradient],
          ["entropy", entropyGradient],
        ] as const
      ) {
        const at = (shift: number) => {
          const moved = scores[key].slice();
          moved[term]! += shift;
          const { loss } = policyLoss(
            terms,
            { ...scores, [key]: moved },
            chosen,
          );
          return { x: moved[term]!, loss };
        };
        const [above, below] = [at(1e-3), at(-1e-3)];
        assertAlmostEquals(
          gradient[term]!,
          (above.loss - below.loss) / (above.x - below.x),
          2e-3,
          `${JSON.stringify(chosen)} ${key}[${term}]`,
        );
      }
    }
  }
});

Deno.test("policyLoss() gives CISPO the gradient of REINFORCE under capped constant ratios", () => {
  const { terms, scores } = randomTerms(1);
  const cispo = policyLoss(terms, scores, {
    surrogate: "cispo",
    clipHigh: 0.1,
  });
  const plain = policyLoss(terms, scores, { surrogate: "reinforce" });
  cispo.logprobGradient.forEach((gradient, term) => {
    const ratio = Math.exp(scores.logprob[term]! - scores.oldLogprob![term]!);
    assertAlmostEquals(
      gradient,
      Math.min(ratio, 1.1) * plain.logprobGradient[term]!,
      1e-6,
    );
  });
});

Deno.test("policyLoss() reports ratios, clipping, truncation and the gap to the engine", () => {
  const column = (...values: number[]) => Float32Array.from(values);
  const half = Math.log(0.5);
  const { sums, logprobGradient } = policyLoss({
    node: Uint32Array.from([1, 2, 3, 4]),
    episode: Uint32Array.from([0, 0, 1, 1]),
    advantage: column(1, 1, -1, -1),
    behaviourLogprob: column(-1, -1, -1, -1 + 3 * half),
    referenceLogprob: column(-2, -2, -2, -2),
    weight: column(1, 1, 1, 1),
    temperature: column(1, 1, 1, 1),
  }, {
    logprob: column(-1 - half, -1, -1 + half, -1),
    oldLogprob: column(-1, -1, -1, -1),
    entropy: column(1, 2, 3, 4),
  }, { kl: "k1" });
  assertEquals([sums.clippedHigh, sums.clippedLow], [1, 1]);
  assertAlmostEquals(sums.ratioMin, 0.5);
  assertAlmostEquals(sums.ratioMax, 2);
  assertAlmostEquals(sums.ratio, 4.5);
  assertEquals([sums.terms, sums.entropy], [4, 10]);
  assertAlmostEquals(sums.gapMax, -3 * half);
  assertAlmostEquals(sums.gap, -3 * half);
  assertEquals(sums.truncated, 1); // a factor of 8, held at 2
  assertAlmostEquals(sums.kl!, 4);
  assertTrue(logprobGradient[0] === 0 && logprobGradient[2] === 0);
  assertAlmostEquals(logprobGradient[3]!, 2);
});

Deno.test("policyLoss() corrects each token, and drops each episode, by the ratio that is asked for", () => {
  const column = (...values: number[]) => Float32Array.from(values);
  // Ratios of trainer to engine: 3 and 0.25; 1.2, 1.2 and 1.2; 0.5.
  const ratios = [3, 0.25, 1.2, 1.2, 1.2, 0.5];
  const terms: Terms = {
    node: Uint32Array.from([1, 2, 3, 4, 5, 6]),
    episode: Uint32Array.from([0, 0, 1, 1, 1, 2]),
    advantage: column(1, 1, 1, 1, 1, 1),
    behaviourLogprob: column(...ratios.map((ratio) => -4 - Math.log(ratio))),
    referenceLogprob: column(0, 0, 0, 0, 0, 0),
    weight: column(1, 1, 1, 1, 1, 1),
    temperature: column(1, 1, 1, 1, 1, 1),
  };
  const logprob = column(-4, -4, -4, -4, -4, -4);
  // With a ratio of 1 and advantages of 1, the gradient is minus the correction.
  const cases: [PolicyLossOptions, number[], cut: number, dropped: number][] = [
    [{ importance: "none" }, [1, 1, 1, 1, 1, 1], 0, 0],
    [{ importanceFloor: 0.3 }, [2, 0.3, 1.2, 1.2, 1.2, 0.5], 2, 0],
    [
      { importance: "mask", importanceFloor: 0.3 },
      [0, 0, 1.2, 1.2, 1.2, 0.5],
      0,
      2,
    ],
    [
      { importance: "episode_truncate", importanceCap: 1.5 },
      [0.75, 0.75, 1.5, 1.5, 1.5, 0.5],
      3,
      0,
    ],
    [
      { importance: "episode_mask", importanceCap: 1.5 },
      [0.75, 0.75, 0, 0, 0, 0.5],
      0,
      3,
    ],
    // Products: 0.75, 1.728 and 0.5; geometric means: 0.866, 1.2 and 0.5.
    [
      {
        sequenceMask: "product",
        sequenceMaskLow: 0.6,
        sequenceMaskHigh: 1.5,
      },
      [2, 0.25, 0, 0, 0, 0],
      1,
      4,
    ],
    [
      {
        sequenceMask: "geometric_mean",
        sequenceMaskLow: 0.9,
        sequenceMaskHigh: 1.5,
      },
      [0, 0, 1.2, 1.2, 1.2, 0],
      0,
      3,
    ],
    [
      { importance: "none", sequenceMask: "product", sequenceMaskLow: 0.6 },
      [1, 1, 1, 1, 1, 0],
      0,
      1,
    ],
  ];
  for (const [options, weights, truncated, masked] of cases) {
    const { logprobGradient, sums } = policyLoss(
      terms,
      { logprob, entropy: column(0, 0, 0, 0, 0, 0) },
      options,
    );
    weights.forEach((weight, term) =>
      assertAlmostEquals(
        logprobGradient[term]!,
        -weight,
        1e-5,
        `${JSON.stringify(options)}[${term}]`,
      )
    );
    assertEquals([sums.truncated, sums.masked], [truncated, masked]);
  }
});

Deno.test("policyLoss() stays finite where probabilities have come apart", () => {
  const { terms, scores } = randomTerms(2);
  const oldLogprob = scores.oldLogprob!.map((value) => value - 1000);
  for (const ratio of ["token", "geometric_mean", "product"] as const) {
    const { loss, logprobGradient } = policyLoss(
      { ...terms, advantage: terms.advantage.map(Math.abs) },
      { ...scores, oldLogprob },
      { ratio },
    );
    assertTrue(Number.isFinite(loss) && logprobGradient.every((g) => g === 0));
  }
});
