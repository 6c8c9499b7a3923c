import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { dot, numericGradient } from "./_numeric_gradient.ts";
import { rmsNorm } from "./_reference.ts";
import { rowCount, runKernel } from "./_run_kernel.ts";

/** 21 rows in groups of eight; the buffers hold full groups. */
const [T, D, ROWS, CAPACITY] = [21, 36, 8, 24];
const EPSILON = "1e-2";
const GRID = [Math.ceil(T / ROWS)] as const;

const X = hashed("X", CAPACITY * D);
const gain = hashed("gain", D).map((g) => 1 + g / 2);
const dY = hashed("dY", CAPACITY * D);

/** 1 / RMS of each row. */
const rstd = Float32Array.from({ length: CAPACITY }, (_, t) => {
  const row = X.subarray(t * D, (t + 1) * D);
  return 1 / Math.sqrt(dot(row, row) / D + Number(EPSILON));
});

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`rms_norm.wgsl normalises rows and keeps 1 / RMS (${dialect})`, async () => {
    const [, , Y, scales] = await runKernel(gpu, "rmsNorm", {
      parameters: { D, ROWS, EPSILON },
      buffers: [
        X,
        gain,
        new Float32Array(X.length),
        new Float32Array(CAPACITY),
      ],
      grid: GRID,
    });
    const expected = rmsNorm(X, gain, Number(EPSILON));
    assertClose(Y.subarray(0, T * D), expected.subarray(0, T * D));
    assertClose(scales.subarray(0, T), rstd.subarray(0, T));
  });

  Deno.test(`rms_norm_backward.wgsl is the derivative, written or added (${dialect})`, async () => {
    const expected = numericGradient(
      (x) => dot(dY, rmsNorm(x, gain, Number(EPSILON))),
      X,
    );
    const before = hashed("before", X.length);
    for (const ACCUMULATE of [0, 1]) {
      const results = await runKernel(gpu, "rmsNormBackward", {
        parameters: { D, ROWS, ACCUMULATE },
        buffers: [X, gain, rstd, dY, before],
        grid: GRID,
      });
      const total = expected.map((d, i) => d + ACCUMULATE * before[i]!);
      assertClose(results[4].subarray(0, T * D), total.subarray(0, T * D));
    }
  });

  Deno.test(`column_sums.wgsl and sum_partials.wgsl are the gradients of a gain and of a bias (${dialect})`, async () => {
    const CHUNK = 8, N = D, chunks = Math.ceil(T / CHUNK);
    const live = dY.subarray(0, T * D);
    const ofGain = numericGradient(
      (g) => dot(live, rmsNorm(X.subarray(0, T * D), g, Number(EPSILON))),
      gain,
    );
    const ofBias = Float64Array.from({ length: D }, (_, i) => {
      let sum = 0;
      for (let t = 0; t < T; t++) sum += dY[t * D + i]!;
      return sum;
    });
    for (const GAIN of [0, 1]) {
      const [, partial] = await runKernel(gpu, "columnSums", {
        parameters: { N, CHUNK, GAIN },
        buffers: [
          dY,
          new Float32Array(chunks * N),
          rowCount(T),
          ...(GAIN ? [X, rstd] : []),
        ],
        grid: [chunks, Math.ceil(N / 4 / gpu.lanes)],
      });
      const before = hashed("sums", N);
      const [, sums] = await runKernel(gpu, "sumPartials", {
        parameters: { N, PITCH: N, OFFSET: 0, CHUNK },
        buffers: [partial, before, rowCount(T)],
        grid: [Math.ceil(N / gpu.lanes)],
      });
      const expected = GAIN ? ofGain : ofBias;
      assertClose(sums, expected.map((sum, i) => sum + before[i]!));
    }
  });

  Deno.test(`sum_partials.wgsl takes some columns of wider rows (${dialect})`, async () => {
    const [N, PITCH, OFFSET, CHUNK] = [10, 23, 11, 4];
    const partial = hashed("partial", 3 * PITCH);
    const [, sums] = await runKernel(gpu, "sumPartials", {
      parameters: { N, PITCH, OFFSET, CHUNK },
      buffers: [partial, new Float32Array(N + 6), rowCount(9)],
      grid: [Math.ceil(N / gpu.lanes)],
    });
    const expected = Float64Array.from({ length: N }, (_, i) => {
      let sum = 0;
      for (let c = 0; c < 3; c++) sum += partial[c * PITCH + OFFSET + i]!;
      return sum;
    });
    assertClose(sums.subarray(0, N), expected);
    assertEquals(sums.subarray(N), new Float32Array(6));
  });
}
