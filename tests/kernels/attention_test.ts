import type { Gpu } from "../../src/gpu/mod.ts";
import { visibleTiles } from "../../src/nn/tiles.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { randomForest } from "../nn/_forest.ts";
import { dot, numericGradient, someEntries } from "./_numeric_gradient.ts";
import { attention } from "./_reference.ts";
import { runKernel } from "./_run_kernel.ts";

/** Five tiles of a software adapter's lanes, rounded up to whole tiles on others. */
const NODES = 40;
const SHAPES = [
  { H: 6, K: 2, HD: 4, WINDOW: 0 },
  { H: 2, K: 2, HD: 12, WINDOW: 0 },
  { H: 2, K: 1, HD: 4, WINDOW: 5 },
] as const;

type Shape = (typeof SHAPES)[number];

/** One shape where subgroups are emulated: such kernels take seconds to compile. */
function shapesOf(gpu: Gpu): readonly Shape[] {
  return gpu.info.subgroups ? SHAPES : [SHAPES[2]];
}

function inputs(shape: Shape, lanes: number, name: string) {
  const { H, K, HD, WINDOW } = shape;
  const T = Math.ceil(NODES / lanes) * lanes;
  const { visibleUntil, positions } = randomForest(name, T, 10);
  return {
    T,
    visibleUntil,
    options: {
      ...shape,
      visibleUntil,
      positions,
      ...(WINDOW && { window: WINDOW }),
    },
    /** Bound last, where there is a window. */
    window: WINDOW ? [positions] : [],
    tiles: visibleTiles(visibleUntil, lanes),
    qk: hashed("qk", T * (H + K) * HD, 2),
    qkv: hashed("qkv", T * (H + 2 * K) * HD),
    parameters: { ...shape, SCALE: String(Math.fround(1 / Math.sqrt(HD))) },
  };
}

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`attention.wgsl attends to what the trees make visible (${dialect})`, async () => {
    for (const shape of shapesOf(gpu)) {
      const { T, visibleUntil, options, window, tiles, qk, qkv, parameters } =
        inputs(
          shape,
          gpu.lanes,
          `attention ${shape.H} ${shape.HD}`,
        );
      const { H, HD } = shape;
      const results = await runKernel(gpu, "attention", {
        parameters,
        buffers: [
          qk,
          qkv,
          visibleUntil,
          tiles.start,
          tiles.list,
          new Float32Array(T * H * HD),
          new Float32Array(T * H),
          ...window,
        ],
        grid: [T / gpu.lanes, H],
      });
      const expected = attention(qk, qkv, options);
      assertClose(results[5], expected.out, { name: "output" });
      assertClose(results[6], expected.lse, { name: "log-sum-exp" });
    }
  });

  Deno.test(`attention.wgsl takes scores of any size (${dialect})`, async () => {
    const shape = SHAPES[2], { H, HD } = shape;
    const { T, visibleUntil, options, window, tiles, qk, qkv, parameters } =
      inputs(
        shape,
        gpu.lanes,
        "large",
      );
    const large = qk.map((x) => 40 * x);
    const results = await runKernel(gpu, "attention", {
      parameters,
      buffers: [
        large,
        qkv,
        visibleUntil,
        tiles.start,
        tiles.list,
        new Float32Array(T * H * HD),
        new Float32Array(T * H),
        ...window,
      ],
      grid: [T / gpu.lanes, H],
    });
    const expected = attention(large, qkv, options);
    assertClose(results[5], expected.out, { tolerance: 2e-3 });
  });

  Deno.test(`attention_backward_q.wgsl and attention_backward_kv.wgsl are the derivatives (${dialect})`, async () => {
    for (const shape of shapesOf(gpu)) {
      const { T, visibleUntil, options, window, tiles, qk, qkv, parameters } =
        inputs(
          shape,
          gpu.lanes,
          `attention ${shape.H} ${shape.HD}`,
        );
      const { H, K, HD } = shape;
      const { out, lse } = attention(qk, qkv, options);
      const dO = hashed("dO", T * H * HD);
      const byQuery = await runKernel(gpu, "attentionBackwardQ", {
        parameters,
        buffers: [
          qk,
          qkv,
          visibleUntil,
          tiles.start,
          tiles.list,
          Float32Array.from(out),
          Float32Array.from(lse),
          dO,
          new Float32Array(qk.length),
          new Float32Array(T * H),
          ...window,
        ],
        grid: [T / gpu.lanes, H],
      });
      const delta = byQuery[9];
      const expectedDelta = lse.map((_, at) =>
        dot(
          dO.subarray(at * HD, (at + 1) * HD),
          out.subarray(at * HD, (at + 1) * HD),
        )
      );
      assertClose(delta, expectedDelta, { name: "delta" });
      const byKey = await runKernel(gpu, "attentionBackwardKv", {
        parameters,
        buffers: [
          qk,
          qkv,
          visibleUntil,
          tiles.until,
          Float32Array.from(lse),
          delta,
          dO,
          byQuery[8],
          new Float32Array(qkv.length),
          ...window,
        ],
        grid: [T / gpu.lanes, K],
      });
      const loss = (
        queries: ArrayLike<number>,
        values: ArrayLike<number>,
      ) => dot(dO, attention(queries, values, options).out);
      const qkEntries = someEntries(qk.length);
      assertClose(
        qkEntries.map((entry) => byKey[7][entry]!),
        numericGradient((x) => loss(x, qkv), qk, qkEntries),
        { tolerance: 1e-5, name: "dqk" },
      );
      const qkvEntries = someEntries(qkv.length);
      assertClose(
        qkvEntries.map((entry) => byKey[8][entry]!),
        numericGradient((x) => loss(qk, x), qkv, qkvEntries),
        { tolerance: 1e-5, name: "dqkv" },
      );
    }
  });
}
