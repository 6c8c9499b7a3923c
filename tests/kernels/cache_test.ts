import { rotaryTable } from "../../src/nn/rotary.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { attention, qkRope } from "./_reference.ts";
import { runKernel } from "./_run_kernel.ts";

const [CONTEXT, SLOTS] = [24, 60];
const EPSILON = "1e-3";
const theta = 10_000;
const SHAPES = [
  { H: 6, K: 2, HD: 4, QK_NORM: 1, WINDOW: 0 },
  { H: 2, K: 2, HD: 20, QK_NORM: 0, WINDOW: 7 },
] as const;

/** Three sequences on page rows 2, 0 and 1, with slots in no order; the first two share six tokens. */
const ROWS = [{ page: 2, position: 19 }, { page: 0, position: 8 }, {
  page: 1,
  position: 0,
}];

function pageTable(): Uint32Array {
  const shuffled = Array.from({ length: SLOTS - 1 }, (_, i) => i + 1).sort(
    (a, b) => a * 37 % 61 - b * 37 % 61,
  );
  const pages = new Uint32Array(3 * CONTEXT);
  let next = 0;
  for (const { page, position } of ROWS) {
    for (let i = 0; i <= position; i++) {
      const shared = page === 0 && i < 6;
      pages[page * CONTEXT + i] = shared
        ? pages[2 * CONTEXT + i]!
        : shuffled[next++]!;
    }
  }
  return pages;
}

const pages = pageTable();
const sequence = Uint32Array.from(
  ROWS.flatMap(({ page, position }) => [11, position, page, 0]),
);
const R = ROWS.length;

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`cache_rope.wgsl turns queries and keys, and puts keys and values in their slots (${dialect})`, async () => {
    for (const shape of SHAPES) {
      const { H, K, HD, QK_NORM } = shape;
      const gains = {
        q: hashed("q gain", HD).map((g) => 1 + g / 2),
        k: hashed("k gain", HD).map((g) => 1 + g / 2),
      };
      const qkv = hashed("qkv", R * (H + 2 * K) * HD);
      const before = hashed("cache", SLOTS * K * HD);
      const rotary = rotaryTable(
        {
          headDim: HD,
          ropeTheta: theta,
          maxPositions: CONTEXT,
        } as TransformerShape,
      );
      const results = await runKernel(gpu, "cacheRope", {
        parameters: { ...shape, CONTEXT, EPSILON },
        buffers: [
          qkv,
          rotary,
          sequence,
          pages,
          new Float32Array(R * H * HD),
          before,
          before,
          ...(QK_NORM ? [gains.q, gains.k] : []),
        ],
        grid: [R],
      });
      const turned = qkRope(qkv, {
        H,
        K,
        HD,
        positions: ROWS.map(({ position }) => position),
        theta,
        epsilon: Number(EPSILON),
        ...(QK_NORM && { gains }),
      });
      const [q, keys, values] = [
        new Float64Array(R * H * HD),
        Float64Array.from(before),
        Float64Array.from(before),
      ];
      ROWS.forEach(({ page, position }, r) => {
        const row = turned.subarray(r * (H + K) * HD, (r + 1) * (H + K) * HD);
        const slot = pages[page * CONTEXT + position]! * K * HD;
        const width = (H + 2 * K) * HD;
        q.set(row.subarray(0, H * HD), r * H * HD);
        keys.set(row.subarray(H * HD), slot);
        values.set(
          qkv.subarray(r * width + (H + K) * HD, (r + 1) * width),
          slot,
        );
      });
      assertClose(results[4], q, { name: "queries" });
      assertClose(results[5], keys, { name: "keys" });
      assertClose(results[6], values, { name: "values" });
    }
  });

  Deno.test(`cache_attention.wgsl attends to a sequence's own slots, alike in any company (${dialect})`, async () => {
    for (const shape of SHAPES) {
      const { H, K, HD, WINDOW } = shape;
      const q = hashed("q", R * H * HD, 2);
      const keys = hashed("keys", SLOTS * K * HD, 2);
      const values = hashed("values", SLOTS * K * HD);
      const parameters = {
        ...shape,
        CONTEXT,
        SCALE: String(Math.fround(1 / Math.sqrt(HD))),
      };
      const run = async (rows: readonly number[]) => {
        const pick = (all: Float32Array, width: number) =>
          Float32Array.from(
            rows.flatMap((r) => [...all.subarray(r * width, (r + 1) * width)]),
          );
        const results = await runKernel(gpu, "cacheAttention", {
          parameters,
          buffers: [
            pick(q, H * HD),
            keys,
            values,
            Uint32Array.from(
              rows.flatMap((r) => [...sequence.subarray(4 * r, 4 * r + 4)]),
            ),
            pages,
            new Float32Array(rows.length * H * HD),
          ],
          grid: [rows.length, K],
        });
        return results[5];
      };
      const together = await run([0, 1, 2]);
      for (const [r, { page, position }] of ROWS.entries()) {
        const row = together.slice(r * H * HD, (r + 1) * H * HD);
        assertEquals(await run([r]), row);
        // The same as a plain sequence whose last token asks.
        const T = position + 1;
        const qk = new Float64Array(T * (H + K) * HD);
        const qkv = new Float64Array(T * (H + 2 * K) * HD);
        qk.set(
          q.subarray(r * H * HD, (r + 1) * H * HD),
          position * (H + K) * HD,
        );
        for (let t = 0; t < T; t++) {
          const slot = pages[page * CONTEXT + t]! * K * HD;
          const key = keys.subarray(slot, slot + K * HD);
          qk.set(key, (t * (H + K) + H) * HD);
          const value = values.subarray(slot, slot + K * HD);
          qkv.set(value, (t * (H + 2 * K) + H + K) * HD);
        }
        const { out } = attention(qk, qkv, {
          H,
          K,
          HD,
          visibleUntil: new Uint32Array(T).fill(T),
          positions: Array.from({ length: T }, (_, t) => t),
          ...(WINDOW && { window: WINDOW }),
        });
        assertClose(row, out.subarray(position * H * HD), { tolerance: 5e-6 });
      }
    }
  });
}
