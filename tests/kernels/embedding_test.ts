import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { rowCount, runKernel } from "./_run_kernel.ts";

const [T, D, V] = [13, 36, 10];
/** Workgroups of 64 threads of one vec4 each, folded into rows of two. */
const FOLDED = [2, Math.ceil(T * D / 4 / 64 / 2)] as const;

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`embedding.wgsl picks rows by token id, whatever lies between the ids (${dialect})`, async () => {
    const E = hashed("E", V * D);
    for (const STRIDE of [1, 4]) {
      const tokens = hashedIntegers("tokens", T * STRIDE, V);
      const [, , Y] = await runKernel(gpu, "embedding", {
        parameters: { D, STRIDE, FIRST: 0, COUNT: V, HALF: 0 },
        buffers: [tokens, E, new Float32Array((T + 1) * D), rowCount(T)],
        grid: FOLDED,
      });
      for (let t = 0; t < T; t++) {
        const token = tokens[t * STRIDE]!;
        assertEquals(
          Y.subarray(t * D, (t + 1) * D),
          E.subarray(token * D, (token + 1) * D),
        );
      }
      assertEquals(Y.subarray(T * D), new Float32Array(D));
    }
  });

  Deno.test(`embedding_backward.wgsl adds each position's gradient to its token's row (${dialect})`, async () => {
    const tokens = hashedIntegers("tokens", T, V);
    const dX = hashed("dX", T * D), dE = hashed("dE", V * D);
    const order = Uint32Array.from(tokens, (_, t) => t).sort((a, b) =>
      tokens[a]! - tokens[b]!
    );
    const ids = [...new Set(tokens)].sort((a, b) => a - b);
    const distinct = ids.flatMap((id) => {
      const first = order.findIndex((t) => tokens[t] === id);
      return [id, first, first + tokens.filter((x) => x === id).length, 0];
    });
    const expected = Float64Array.from(dE);
    tokens.forEach((token, t) => {
      for (let i = 0; i < D; i++) expected[token * D + i]! += dX[t * D + i]!;
    });
    const [, , , result] = await runKernel(gpu, "embeddingBackward", {
      parameters: { D, FIRST: 0, COUNT: V },
      buffers: [
        Uint32Array.from(distinct),
        order,
        dX,
        dE,
        rowCount(ids.length),
      ],
      grid: [3, Math.ceil(ids.length / 3)],
    });
    assertClose(result, expected);
  });

  Deno.test(`gather_rows.wgsl and scatter_rows.wgsl undo each other, and scatter sums what repeats (${dialect})`, async () => {
    const index = Uint32Array.of(1, 4, 4, 4, 7, 12);
    const R = index.length;
    const X = hashed("X", T * D);
    const [, , Y] = await runKernel(gpu, "gatherRows", {
      parameters: { D, FIRST: 0, COUNT: V },
      buffers: [index, X, new Float32Array(R * D), rowCount(R)],
      grid: FOLDED,
    });
    index.forEach((t, r) =>
      assertEquals(
        Y.subarray(r * D, (r + 1) * D),
        X.subarray(t * D, (t + 1) * D),
      )
    );
    const before = hashed("before", T * D);
    const expected = Float64Array.from(before);
    index.subarray(0, R - 1).forEach((t, r) => {
      for (let i = 0; i < D; i++) expected[t * D + i]! += Y[r * D + i]!;
    });
    // The last row is padding.
    const [, , dX] = await runKernel(gpu, "scatterRows", {
      parameters: { D, FIRST: 0, COUNT: V },
      buffers: [index, Y, before, rowCount(R - 1)],
      grid: [4, 2],
    });
    assertClose(dX, expected);
  });
}
