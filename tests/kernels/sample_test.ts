import type { Gpu } from "../../src/gpu/mod.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { assertClose } from "../gpu/_assert_close.ts";
import { hashed } from "../gpu/_hashed.ts";
import { bothDialects } from "../gpu/_test_gpu.ts";
import { chiSquareShare } from "./_chi_square.ts";
import { distribution } from "./_reference.ts";
import { runKernel } from "./_run_kernel.ts";

const [V, PITCH, STEPS, STOPS] = [20, 24, 4, 2];
const NONE = 0xffffffff;

/** One row to sample; the rest is greedy, unfiltered, unstopped. */
interface Row {
  readonly logits: Float32Array;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly seed?: number;
  readonly position?: number;
  readonly lastPosition?: number;
  readonly firstOutput?: number;
  readonly stops?: readonly number[];
  readonly flags?: number;
}

async function sample(gpu: Gpu, rows: readonly Row[]) {
  const R = rows.length;
  const Z = new Float32Array(R * PITCH).fill(1e9); // past V there is junk
  rows.forEach(({ logits }, r) => Z.set(logits, r * PITCH));
  const positionOf = (row: Row) => row.position ?? 0;
  const [, sequence, , , , tokens, logprobs] = await runKernel(gpu, "sample", {
    parameters: { V, PITCH, STEPS, STOPS },
    buffers: [
      Z,
      Uint32Array.from(
        rows.flatMap((row) => [99, positionOf(row), 5, row.flags ?? 0]),
      ),
      Float32Array.from(rows.flatMap((row) => [
        1 / (row.temperature || 1),
        row.topP ?? 1,
        row.minP ?? 0,
        row.topK ?? 0,
      ])),
      Uint32Array.from(rows.flatMap((row) => [
        row.seed ?? 0,
        row.lastPosition ?? 1e6,
        row.firstOutput ?? positionOf(row) + 1,
        Number(!row.temperature),
      ])),
      Uint32Array.from(
        rows.flatMap(({ stops = [] }) => [stops[0] ?? NONE, stops[1] ?? NONE]),
      ),
      new Uint32Array(R * STEPS).fill(77),
      new Float32Array(R * STEPS),
    ],
    grid: [R],
  });
  return { sequence, tokens, logprobs };
}

/** What sampling should follow: min-p, then top-k, then top-p, as vLLM has them. */
function expectedProbabilities(
  { logits, temperature = 1, topK = 0, topP = 1, minP = 0 }: Row,
): number[] {
  const p = [...distribution(logits, temperature).logprobs].map(Math.exp);
  const order = p.map((_, i) => i).sort((a, b) => p[b]! - p[a]!);
  let kept = order.filter((i) => p[i]! >= minP * p[order[0]!]!);
  if (topK > 0) kept = kept.slice(0, topK);
  const whole = kept.reduce((sum, i) => sum + p[i]!, 0);
  let mass = 0;
  kept = kept.filter((i) => {
    const needed = mass < topP * whole;
    mass += p[i]!;
    return needed;
  });
  const total = kept.reduce((sum, i) => sum + p[i]!, 0);
  return p.map((x, i) => kept.includes(i) ? x / total : 0);
}

const DRAWS = 3000;
const logits = hashed("sample logits", V, 3);

/** How often each token was drawn. */
function countsOf(tokens: Uint32Array): number[] {
  const counts = new Array<number>(V).fill(0);
  for (let r = 0; r < DRAWS; r++) counts[tokens[r * STEPS]!]!++;
  return counts;
}

for (const { dialect, gpu } of await bothDialects()) {
  Deno.test(`sample.wgsl draws from the filtered distribution (${dialect})`, async () => {
    const cases: readonly Omit<Row, "logits">[] = [
      { temperature: 1 },
      { temperature: 0.5 },
      { temperature: 3 },
      { temperature: 1, topK: 5 },
      { temperature: 1, topK: 1 },
      { temperature: 1, topK: 1000 },
      { temperature: 1, topP: 0.6 },
      { temperature: 1, topP: 0 },
      { temperature: 1, minP: 0.15 },
      { temperature: 1, minP: 1 },
      { temperature: 1.5, minP: 0.05, topK: 9, topP: 0.7 },
    ];
    for (const settings of cases) {
      const rows = Array.from(
        { length: DRAWS },
        (_, seed) => ({ ...settings, logits, seed }),
      );
      const { tokens, logprobs } = await sample(gpu, rows);
      const probabilities = settings.topP === 0
        ? expectedProbabilities({ ...rows[0]!, topP: 1, topK: 1 })
        : expectedProbabilities(rows[0]!);
      const share = chiSquareShare(countsOf(tokens), probabilities);
      assertTrue(share < 1, `${JSON.stringify(settings)}: ${share}`);
      // Whatever is filtered, the logprob is that of the whole softmax.
      const whole = distribution(logits, settings.temperature!).logprobs;
      for (let r = 0; r < 100; r++) {
        assertClose([logprobs[r * STEPS]!], [whole[tokens[r * STEPS]!]!], {
          tolerance: 1e-5,
        });
      }
    }
  });

  Deno.test(`sample.wgsl draws anew at every position of one seed, and the same at the same (${dialect})`, async () => {
    const rows = Array.from(
      { length: DRAWS },
      (_, position) => ({ logits, temperature: 1, seed: 42, position }),
    );
    const { tokens } = await sample(gpu, rows);
    const share = chiSquareShare(
      countsOf(tokens),
      expectedProbabilities(rows[0]!),
    );
    assertTrue(share < 1, String(share));
    const again = await sample(gpu, rows.slice(100, 200));
    assertEquals(again.tokens, tokens.slice(100 * STEPS, 200 * STEPS));
  });

  Deno.test(`sample.wgsl takes the most likely token at temperature 0, the first of equals (${dialect})`, async () => {
    const tied = logits.slice();
    tied[17] = tied[6] = 9;
    const rows: Row[] = [
      { logits },
      { logits, topK: 3, topP: 0.5, minP: 0.2, seed: 7 },
      { logits: tied },
      { logits: logits.map((z) => z * 1e4) },
    ];
    const { tokens, logprobs } = await sample(gpu, rows);
    const best = logits.indexOf(Math.max(...logits));
    assertEquals([0, 1, 2, 3].map((r) => tokens[r * STEPS]), [
      best,
      best,
      6,
      best,
    ]);
    assertClose([logprobs[0]!], [distribution(logits, 1).logprobs[best]!]);
    assertEquals(logprobs[3 * STEPS], 0);
  });

  Deno.test(`sample.wgsl never draws what has no chance, even with the highest noise there is (${dialect})`, async () => {
    // These seeds give token 3 at position 0 the greatest and the least hash.
    const seeds = [910206353, 2995427352];
    const unlikely = Float32Array.from(
      { length: V },
      (_, i) => i === 3 ? -60 : 0,
    );
    const { tokens } = await sample(
      gpu,
      seeds.map((seed) => ({ logits: unlikely, temperature: 1, seed })),
    );
    for (const r of seeds.keys()) {
      const token = tokens[r * STEPS]!;
      assertTrue(token < V && token !== 3, `token ${token}`);
    }
  });

  Deno.test(`sample.wgsl moves sequences on until a stop token or the last position (${dialect})`, async () => {
    const best = logits.indexOf(Math.max(...logits));
    const at = { logits, position: 10, firstOutput: 9 };
    const { sequence, tokens } = await sample(gpu, [
      at,
      { ...at, stops: [1, best] },
      { ...at, lastPosition: 11 },
      { ...at, lastPosition: 12 },
      { ...at, flags: 5 },
    ]);
    const rows = [0, 1, 2, 3, 4].map((r) => [
      ...sequence.subarray(4 * r, 4 * r + 4),
    ]);
    // Three tokens are out (places 9 … 11), and bit 0 says whether it ended.
    assertEquals(rows, [
      [best, 11, 5, 6],
      [99, 10, 5, 7],
      [99, 10, 5, 7],
      [best, 11, 5, 6],
      [99, 10, 5, 5],
    ]);
    for (const r of [0, 1, 2, 3]) {
      assertEquals([...tokens.subarray(r * STEPS, (r + 1) * STEPS)], [
        77,
        77,
        best,
        77,
      ]);
    }
    assertEquals(tokens[4 * STEPS + 2], 77);
  });
}
