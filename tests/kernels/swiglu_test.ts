import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { dot, numericGradient } from "./_numeric_gradient.ts";
import { swiglu } from "./_reference.ts";
import { rowCount, runKernel } from "./_run_kernel.ts";

const [T, F] = [11, 52];
const GU = hashed("GU", T * 2 * F, 6);
/** Workgroups of 64 threads of one vec4 each, folded into rows of two. */
const GRID = [2, Math.ceil(T * F / 4 / 64 / 2)] as const;

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`swiglu.wgsl gates the first half by the second, and stays in its rows (${dialect})`, async () => {
    const [, Y] = await runKernel(gpu, "swiglu", {
      parameters: { F },
      buffers: [GU, new Float32Array((T + 1) * F), rowCount(T)],
      grid: GRID,
    });
    assertClose(Y.subarray(0, T * F), swiglu(GU, F));
    assertEquals(Y.subarray(T * F), new Float32Array(F));
  });

  Deno.test(`swiglu.wgsl and its gradient stay finite where exp overflows (${dialect})`, async () => {
    const extreme = Float32Array.of(-1e4, -200, 200, 1e4, 1, 1, 1, 1);
    const one = new Float32Array(4).fill(1);
    const [, Y] = await runKernel(gpu, "swiglu", {
      parameters: { F: 4 },
      buffers: [extreme, new Float32Array(4), rowCount(1)],
      grid: [1],
    });
    assertClose(Y, [0, 0, 200, 1e4]);
    const [, , dGU] = await runKernel(gpu, "swigluBackward", {
      parameters: { F: 4 },
      buffers: [extreme, one, new Float32Array(8), rowCount(1)],
      grid: [1],
    });
    assertClose(dGU, [0, 0, 1, 1, 0, 0, 200, 1e4]);
  });

  Deno.test(`swiglu_backward.wgsl is the derivative (${dialect})`, async () => {
    const dY = hashed("dY", T * F);
    const [, , dGU] = await runKernel(gpu, "swigluBackward", {
      parameters: { F },
      buffers: [GU, dY, new Float32Array(GU.length), rowCount(T)],
      grid: GRID,
    });
    assertClose(dGU, numericGradient((gu) => dot(dY, swiglu(gu, F)), GU));
  });
}
