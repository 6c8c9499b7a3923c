import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { rowCount, runKernel } from "./_run_kernel.ts";

/** Vec4s: no multiple of a workgroup's 64. */
const COUNT = 75;
const SIZE = COUNT * 4;
const [learningRate, beta1, beta2, epsilon, decay] = [
  0.01,
  0.9,
  0.95,
  1e-8,
  0.1,
];

/** Steps of AdamW as in PyTorch's documentation, after `clip_grad_norm_`. */
function reference(gradients: readonly Float32Array[], maxNorm: number) {
  const P = Float64Array.from(hashed("P", SIZE));
  const m = new Float64Array(SIZE), v = new Float64Array(SIZE);
  gradients.forEach((G, i) => {
    const t = i + 1;
    const norm = Math.hypot(...G);
    const clip = maxNorm > 0 ? Math.min(1, maxNorm / (norm + 1e-6)) : 1;
    for (let j = 0; j < SIZE; j++) {
      const g = G[j]! * clip;
      P[j]! *= 1 - learningRate * decay;
      m[j] = beta1 * m[j]! + (1 - beta1) * g;
      v[j] = beta2 * v[j]! + (1 - beta2) * g * g;
      const scale = Math.sqrt(v[j]! / (1 - beta2 ** t)) + epsilon;
      P[j]! -= learningRate * m[j]! / (1 - beta1 ** t) / scale;
    }
  });
  return { P, m, v };
}

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`square_sums.wgsl and norm.wgsl give a global norm over arenas (${dialect})`, async () => {
    const arenas = [hashed("first", SIZE), hashed("second", 4, 100)];
    const STRETCHES = 7;
    let partial: Float32Array = new Float32Array(STRETCHES * arenas.length)
      .fill(NaN);
    for (const [i, arena] of arenas.entries()) {
      partial = (await runKernel(gpu, "squareSums", {
        parameters: {},
        buffers: [
          arena,
          partial,
          Uint32Array.of(arena.length / 4, i * STRETCHES, 0, 0),
        ],
        grid: [STRETCHES],
      }))[1];
    }
    const [, norm] = await runKernel(gpu, "norm", {
      parameters: {},
      buffers: [partial, new Float32Array(1), rowCount(partial.length)],
      grid: [1],
    });
    assertClose(norm, [Math.hypot(...arenas[0]!, ...arenas[1]!)]);
  });

  Deno.test(`adamw.wgsl steps as PyTorch does, clipped or not, and zeroes the gradient (${dialect})`, async () => {
    const gradients = [1, 0.1, 20].map((scale, i) =>
      hashed(`gradient ${i}`, SIZE, scale)
    );
    for (const maxNorm of [0, 3]) {
      let P: Float32Array = hashed("P", SIZE);
      let m: Float32Array = new Float32Array(SIZE);
      let v: Float32Array = new Float32Array(SIZE);
      for (const [i, G] of gradients.entries()) {
        const t = i + 1;
        const settings = Float32Array.of(
          learningRate,
          beta1,
          beta2,
          epsilon,
          decay,
          1 / (1 - beta1 ** t),
          1 / (1 - beta2 ** t),
          maxNorm,
        );
        const norm = Float32Array.of(Math.hypot(...G));
        const results = await runKernel(gpu, "adamw", {
          parameters: { COUNT },
          buffers: [P, G, m, v, settings, norm],
          grid: [1, 2],
        });
        assertEquals(results[1], new Float32Array(SIZE));
        [P, , m, v] = results;
      }
      const expected = reference(gradients, maxNorm);
      assertClose(P, expected.P, { name: "weights" });
      assertClose(m, expected.m, { name: "first moment" });
      assertClose(v, expected.v, { name: "second moment" });
    }
  });
}
