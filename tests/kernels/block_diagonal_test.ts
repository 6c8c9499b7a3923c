import { assertEquals } from "../assert.ts";
import { hashed } from "../gpu/_hashed.ts";
import { testGpu } from "../gpu/_test_gpu.ts";
import { runKernel } from "./_run_kernel.ts";

const gpu = await testGpu();

Deno.test("block_diagonal.wgsl zeroes all but each block's own rows", async () => {
  const [OUT, WIDTH, RANK] = [23, 8, 4];
  const spans = Uint32Array.of(0, 9, 15, 23);
  const G = hashed("G", OUT * WIDTH);
  const [result] = await runKernel(gpu, "blockDiagonal", {
    parameters: { OUT, WIDTH, RANK },
    buffers: [G, spans],
    grid: [2, 2],
  });
  const expected = G.map((x, i) => {
    const row = Math.floor(i / WIDTH), block = Math.floor(i % WIDTH / RANK);
    return spans[2 * block]! <= row && row < spans[2 * block + 1]! ? x : 0;
  });
  assertEquals(result, expected);
});
