import { rotaryTable } from "../../src/nn/rotary.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { dot, numericGradient, someEntries } from "./_numeric_gradient.ts";
import { qkRope, rmsNorm } from "./_reference.ts";
import { rowCount, runKernel } from "./_run_kernel.ts";

const T = 13;
const EPSILON = "1e-3";
const theta = 10_000;
/** Positions of two sequences. */
const positions = Uint32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 300, 301);

/** Heads narrower and wider than twice the lanes of a software adapter. */
const SHAPES = [
  { H: 6, K: 2, HD: 12, QK_NORM: 1 },
  { H: 2, K: 2, HD: 20, QK_NORM: 1 },
  { H: 3, K: 1, HD: 20, QK_NORM: 0 },
] as const;

type Shape = (typeof SHAPES)[number];

function inputs({ H, K, HD, QK_NORM }: Shape) {
  const gains = {
    q: hashed("q gain", HD).map((g) => 1 + g / 2),
    k: hashed("k gain", HD).map((g) => 1 + g / 2),
  };
  return {
    qkv: hashed("qkv", T * (H + 2 * K) * HD),
    options: {
      H,
      K,
      HD,
      positions,
      theta,
      epsilon: Number(EPSILON),
      ...(QK_NORM && { gains }),
    },
    gains: QK_NORM ? [gains.q, gains.k] : [],
    rotary: rotaryTable(
      { headDim: HD, ropeTheta: theta, maxPositions: 302 } as TransformerShape,
    ),
  };
}

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`qk_rope.wgsl normalises and rotates queries and keys (${dialect})`, async () => {
    for (const shape of SHAPES) {
      const { qkv, options, gains, rotary } = inputs(shape);
      const { H, K, HD } = shape;
      const [, , , qk] = await runKernel(gpu, "qkRope", {
        parameters: { ...shape, EPSILON },
        buffers: [
          qkv,
          positions,
          rotary,
          new Float32Array(T * (H + K) * HD),
          ...gains,
        ],
        grid: [T],
      });
      assertClose(qk, qkRope(qkv, options), { tolerance: 3e-5 });
    }
  });

  Deno.test(`qk_rope_backward.wgsl is the derivative, and leaves the values' gradients alone (${dialect})`, async () => {
    const CHUNK = 8, chunks = Math.ceil(T / CHUNK);
    for (const shape of SHAPES) {
      const { qkv, options, gains, rotary } = inputs(shape);
      const { H, K, HD, QK_NORM } = shape;
      const dqk = hashed("dqk", T * (H + K) * HD);
      const before = hashed("before", qkv.length);
      const partial = new Float32Array(chunks * 2 * HD);
      const results = await runKernel(gpu, "qkRopeBackward", {
        parameters: { ...shape, EPSILON, CHUNK },
        buffers: [
          dqk,
          positions,
          rotary,
          before,
          rowCount(T),
          ...(QK_NORM ? [qkv, ...gains, partial] : []),
        ],
        grid: [chunks],
      });
      const entries = someEntries(qkv.length);
      const expected = numericGradient(
        (x) => dot(dqk, qkRope(x, options)),
        qkv,
        entries,
      );
      const width = (H + 2 * K) * HD;
      entries.forEach((entry, i) => {
        const isValue = entry % width >= (H + K) * HD;
        if (isValue) expected[i] = before[entry]!;
      });
      assertClose(entries.map((entry) => results[3][entry]!), expected, {
        tolerance: 3e-5,
      });
      if (!options.gains) continue;
      const { q, k } = options.gains;
      const gainGradients = [
        ...numericGradient(
          (gain) =>
            dot(dqk, qkRope(qkv, { ...options, gains: { q: gain, k } })),
          q,
        ),
        ...numericGradient(
          (gain) =>
            dot(dqk, qkRope(qkv, { ...options, gains: { q, k: gain } })),
          k,
        ),
      ];
      const sums = new Float64Array(2 * HD);
      (results.at(-1) as Float32Array).forEach((x, i) => {
        sums[i % (2 * HD)]! += x;
      });
      assertClose(sums, gainGradients, { tolerance: 3e-5 });
    }
  });
}

Deno.test("rotaryTable() holds cosine and sine of position · θ^(−2i / HD)", () => {
  const HD = 8;
  const table = rotaryTable(
    { headDim: HD, ropeTheta: 1e6, maxPositions: 50 } as TransformerShape,
  );
  assertEquals(table.length, 50 * HD);
  for (let position = 0; position < 50; position++) {
    for (let pair = 0; pair < HD / 2; pair++) {
      const angle = position / 1e6 ** (2 * pair / HD);
      const at = (position * HD / 2 + pair) * 2;
      assertClose(
        table.subarray(at, at + 2),
        [Math.cos(angle), Math.sin(angle)],
        { tolerance: 1e-5 },
      );
    }
  }
});

Deno.test("the references of these tests agree with hand-worked numbers", () => {
  assertClose(
    rmsNorm([3, 4], [1, 2], 0),
    [3, 8].map((x) => x / Math.sqrt(12.5)),
  );
  const turned = qkRope([1, 0, 0, 1], {
    H: 1,
    K: 1,
    HD: 2,
    positions: [0],
    theta,
    epsilon: 0,
  });
  assertClose(turned, [1, 0, 0, 1]);
});
