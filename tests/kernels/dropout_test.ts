import { literal } from "../../src/gpu/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { testGpu } from "../gpu/_test_gpu.ts";
import { chiSquareShare } from "./_chi_square.ts";
import { dropoutMask, type MaskPlace } from "./_dropout.ts";
import { philox } from "./_philox.ts";
import { runKernel } from "./_run_kernel.ts";

const [T, N] = [13, 20];
const X = hashed("X", T * N);
const PLACE = { seed: 0xffff_fff1, step: 7, pass: 2, stream: 190 };

/** Workgroups of 64 threads of one vec4 each, folded into rows of two. */
const grid = (count: number) => [2, Math.ceil(count / 4 / 64 / 2)] as const;

const gpu = await testGpu();

/** What dropout.wgsl makes of rows that begin at `from`, added to `into` where that is given. */
async function onGpu(
  values: Float32Array,
  options: MaskPlace & {
    readonly N: number;
    readonly p: number;
    readonly from?: number;
    readonly into?: Float32Array;
    readonly off?: boolean;
  },
): Promise<Float32Array> {
  const { N, p, seed, step, pass, stream, into, off, from = 0 } = options;
  const [, Y] = await runKernel(gpu, "dropout", {
    parameters: {
      N,
      ACCUMULATE: Number(into !== undefined),
      THRESHOLD: Math.floor(p * 2 ** 32),
      SCALE: literal(1 / (1 - p)),
    },
    buffers: [
      values,
      into ?? new Float32Array(values.length),
      Uint32Array.of(values.length / N, from, 0, 0),
      Uint32Array.of(seed, step, pass, Number(!off)),
      Uint32Array.of(stream, 0, 0, 0),
    ],
    grid: grid(values.length),
  });
  return Y;
}

/** Which of `count` columns in rows of `N` are kept, as 1 and 0. */
async function keptOf(
  count: number,
  options: MaskPlace & { readonly N: number; readonly p: number },
): Promise<Uint8Array> {
  const Y = await onGpu(new Float32Array(count).fill(1), options);
  return Uint8Array.from(Y, (y) => Number(y !== 0));
}

Deno.test("philox() gives the known answers of Random123", () => {
  const hex = (words: readonly number[]) =>
    words.map((word) => word.toString(16).padStart(8, "0")).join(" ");
  assertEquals(
    hex(philox([0, 0, 0, 0], [0, 0])),
    "6627e8d5 e169c58d bc57ac4c 9b00dbd8",
  );
  const all = 0xffff_ffff;
  assertEquals(
    hex(philox([all, all, all, all], [all, all])),
    "408f276d 41c83b0e a20bc7c6 6d5451fd",
  );
  assertEquals(
    hex(philox(
      [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      [0xa4093822, 0x299f31d0],
    )),
    "d16cfe09 94fdcceb 5001e420 24126ea1",
  );
});

Deno.test("dropout.wgsl keeps what the counters say, and stays in its rows", async () => {
  for (const p of [0.1, 0.5, 0.97]) {
    const options = { ...PLACE, N, p };
    const Y = await onGpu(X, { ...options });
    const mask = dropoutMask(T, options);
    assertEquals([...Y].map((y) => y !== 0), [...mask].map(Boolean));
    assertClose(Y, X.map((x, i) => x * mask[i]!));
  }
  const into = hashed("into", (T + 1) * N);
  const added = await onGpu(X, { ...PLACE, N, p: 0.3, into });
  const mask = dropoutMask(T, { ...PLACE, N, p: 0.3 });
  assertClose(
    added,
    into.map((y, i) => i < T * N ? y + X[i]! * mask[i]! : y),
  );
});

Deno.test("dropout.wgsl draws a block of rows as those rows of the whole", async () => {
  const [from, rows] = [4, 6];
  const options = { ...PLACE, N, p: 0.3 };
  const whole = await onGpu(X, options);
  const block = (values: Float32Array) =>
    values.slice(from * N, (from + rows) * N);
  assertEquals(await onGpu(block(X), { ...options, from }), block(whole));
});

Deno.test("dropout.wgsl leaves everything as it is where it is off", async () => {
  assertEquals(await onGpu(X, { ...PLACE, N, p: 0.5, off: true }), X);
});

Deno.test("dropout.wgsl drops its share, evenly over columns, rows, streams, passes, steps and seeds", async () => {
  const [rows, N] = [512, 256];
  for (const p of [0.05, 0.1, 0.5]) {
    for (
      const place of [
        PLACE,
        { ...PLACE, seed: 1 },
        { ...PLACE, step: 8 },
        { ...PLACE, pass: 3 },
        { ...PLACE, stream: 191 },
      ]
    ) {
      const kept = await keptOf(rows * N, { ...place, N, p });
      const byColumn = new Array<number>(N).fill(0);
      const byRow = new Array<number>(rows).fill(0);
      kept.forEach((bit, i) => {
        byColumn[i % N]! += bit;
        byRow[Math.floor(i / N)]! += bit;
      });
      const total = byRow.reduce((a, b) => a + b, 0);
      // Five standard deviations of a binomial count.
      const bound = 5 * Math.sqrt(rows * N * p * (1 - p));
      assertTrue(Math.abs(total - rows * N * (1 - p)) < bound, `${total}`);
      for (const [counts, draws] of [[byColumn, rows], [byRow, N]] as const) {
        const statistic = counts.reduce(
          (sum, count) =>
            sum + (count - draws * (1 - p)) ** 2 / (draws * p * (1 - p)),
          0,
        );
        // Pearson's statistic over n independent counts: mean n, variance about 2n.
        const n = counts.length;
        assertTrue(Math.abs(statistic - n) < 5 * Math.sqrt(2 * n), `${p}`);
      }
    }
  }
});

Deno.test("dropout.wgsl draws neighbours independently of each other", async () => {
  const [rows, N, p] = [512, 256, 0.5];
  const at = (place: Partial<MaskPlace>) =>
    keptOf(rows * N, { ...PLACE, ...place, N, p });
  const mask = await at({});
  const shifted = (by: number) =>
    mask.map((_, i) => mask[(i + by) % mask.length]!);
  const others = {
    "the next column": shifted(1),
    "the next four columns": shifted(4),
    "the next row": shifted(N),
    "the next stream": await at({ stream: PLACE.stream + 1 }),
    "the next pass": await at({ pass: PLACE.pass + 1 }),
    "the next step": await at({ step: PLACE.step + 1 }),
    "the next seed": await at({ seed: PLACE.seed + 1 }),
    // Counters that are alike but for the order of their words.
    "stream and pass changed places": await at({
      stream: PLACE.pass,
      pass: PLACE.stream,
    }),
    "seed and step changed places": await at({
      seed: PLACE.step,
      step: PLACE.seed,
    }),
  };
  for (const [name, other] of Object.entries(others)) {
    const counts = [0, 0, 0, 0];
    mask.forEach((bit, i) => counts[2 * bit + other[i]!]!++);
    const share = chiSquareShare(counts, [0.25, 0.25, 0.25, 0.25]);
    assertTrue(share < 1, `${name}: ${counts}`);
  }
});
