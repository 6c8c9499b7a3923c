import { assertEquals } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed, hashedIntegers } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { numericGradient, someEntries } from "./_numeric_gradient.ts";
import { distribution } from "./_reference.ts";
import { rowCount, runKernel } from "./_run_kernel.ts";

/** A vocabulary of 70 in chunks of 64 and 6, the second padded. */
const [R, V, N] = [5, 70, 64];
const CHUNKS = [
  { N, FIRST: 0, VALID: 64, INIT: 1 },
  { N, FIRST: 64, VALID: 6, INIT: 0 },
] as const;
type Chunk = (typeof CHUNKS)[number];
/** Workgroups of one row each, folded into rows of three. */
const GRID = [3, 2] as const;

const temperatures = [1, 0.25, 2, 0.7, 1];
const inverse = Float32Array.from(temperatures, (t) => 1 / t);
const logits = hashed("logits", R * V, 5);
/** Rows of the targets, sorted; row 3 has none. */
const targetRows = [0, 0, 0, 1, 2, 2, 4];
const targetIds = hashedIntegers("target ids", targetRows.length, V);
const targets = Uint32Array.from(
  targetRows.flatMap((
    row,
    i,
  ) => [row, i === 2 ? targetIds[1]! : targetIds[i]!]),
);

/** A chunk of some logits; what lies past the vocabulary is junk. */
function chunkOf(all: Float32Array, { FIRST, VALID }: Chunk): Float32Array {
  const Z = new Float32Array(R * N).fill(1e9);
  for (let r = 0; r < R; r++) {
    Z.set(all.subarray(r * V + FIRST, r * V + FIRST + VALID), r * N);
  }
  return Z;
}

function rowOf(all: ArrayLike<number>, r: number) {
  const row = Array.from({ length: V }, (_, v) => all[r * V + v]!);
  return distribution(row, temperatures[r]!);
}

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`head_stats.wgsl and head_targets.wgsl gather a softmax over chunks (${dialect})`, async () => {
    for (const scale of [1, 60]) {
      const all = logits.map((z) => z * scale);
      let state: Float32Array = new Float32Array(R * 4).fill(NaN);
      let picked: Float32Array = new Float32Array(targetRows.length);
      for (const chunk of CHUNKS) {
        const Z = chunkOf(all, chunk);
        state = (await runKernel(gpu, "headStats", {
          parameters: chunk,
          buffers: [Z, inverse, state, rowCount(R)],
          grid: GRID,
        }))[2];
        picked = (await runKernel(gpu, "headTargets", {
          parameters: chunk,
          buffers: [
            Z,
            inverse,
            targets,
            picked,
            rowCount(targetRows.length),
            rowCount(chunk.FIRST),
          ],
          grid: [1],
        }))[3];
      }
      const total = Array.from(
        { length: R },
        (_, r) => state[4 * r]! + Math.log(state[4 * r + 1]!),
      );
      for (let r = 0; r < R; r++) {
        const { logprobs, entropy } = rowOf(all, r);
        assertClose([total[r]!], [
          all[r * V]! / temperatures[r]! - logprobs[0]!,
        ], {
          name: "log-sum-exp",
        });
        const mean = state[4 * r + 2]! / state[4 * r + 1]!;
        assertClose([1 + total[r]! - mean], [1 + entropy], {
          tolerance: 1e-4,
          name: "entropy",
        });
      }
      targetRows.forEach((row, i) =>
        assertClose(
          [picked[i]! - total[row]!],
          [rowOf(all, row).logprobs[targets[2 * i + 1]!]!],
          { tolerance: 2e-5, name: "logprob" },
        )
      );
    }
  });

  Deno.test(`head_backward.wgsl is the derivative by the logits, and zero on padding (${dialect})`, async () => {
    const g = hashed("g", targetRows.length);
    const entropyGradient = hashed("dH", R);
    const rowTargets = Uint32Array.from(
      { length: R + 1 },
      (_, r) => targetRows.filter((row) => row < r).length,
    );
    const rowState = Float32Array.from(
      Array.from({ length: R }, (_, r) => {
        const { logprobs, entropy } = rowOf(logits, r);
        const sum = targetRows.reduce(
          (total, row, i) => row === r ? total + g[i]! : total,
          0,
        );
        const total = logits[r * V]! / temperatures[r]! - logprobs[0]!;
        return [total, entropy, sum, entropyGradient[r]!];
      }).flat(),
    );
    const loss = (all: Float64Array) => {
      let sum = 0;
      for (let r = 0; r < R; r++) {
        const { logprobs, entropy } = rowOf(all, r);
        sum += entropyGradient[r]! * entropy;
        targetRows.forEach((row, i) => {
          if (row === r) sum += g[i]! * logprobs[targets[2 * i + 1]!]!;
        });
      }
      return sum;
    };
    const gradient = new Float32Array(R * V);
    for (const chunk of CHUNKS) {
      const [dZ] = await runKernel(gpu, "headBackward", {
        parameters: chunk,
        buffers: [
          chunkOf(logits, chunk),
          inverse,
          rowState,
          rowTargets,
          targets,
          g,
          rowCount(R),
          rowCount(chunk.FIRST),
        ],
        grid: GRID,
      });
      for (let r = 0; r < R; r++) {
        const row = dZ.subarray(r * N, (r + 1) * N);
        gradient.set(row.subarray(0, chunk.VALID), r * V + chunk.FIRST);
        assertEquals(
          row.subarray(chunk.VALID),
          new Float32Array(N - chunk.VALID),
        );
      }
    }
    const entries = [
      ...someEntries(R * V),
      ...targetRows.map((row, i) => row * V + targets[2 * i + 1]!),
    ];
    assertClose(
      entries.map((entry) => gradient[entry]!),
      numericGradient(loss, logits, entries),
      { tolerance: 1e-5 },
    );
  });
}
