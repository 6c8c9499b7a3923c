import type { GemmPlanner, Gpu, View } from "../gpu/mod.ts";
import { dispatchSteps, flat, type Step, StepBuilder } from "./builder.ts";
import { embed } from "./embedding.ts";
import { headOf, holderOf } from "./holder_of.ts";
import { layerMatrices, type LayerMatrix } from "./layout.ts";
import {
  type AdapterScratch,
  adapterScratch,
  linearForward,
  type Weights,
} from "./linear.ts";
import { RowCount } from "./row_count.ts";
import { rotaryTable } from "./rotary.ts";
import { roundUp, type TransformerShape } from "./shape.ts";

/** Size of the decoder's batch and cache. */
export interface DecoderSize {
  /** Sequences decoded side by side. */
  readonly maxBatch: number;
  /** Longest sequence in tokens. */
  readonly maxContext: number;
  /** Tokens whose keys and values are kept. */
  readonly cacheTokens: number;
  /** Prompt tokens computed in one go. */
  readonly prefillRows: number;
  /** Tokens sampled a submission. */
  readonly stepsPerSubmission: number;
}

/** One token of a prompt to be put into the cache. */
export interface PrefillRow {
  readonly token: number;
  readonly position: number;
  readonly page: number;
}

/** One sequence of a decoding submission. */
export interface DecodeRow {
  /** The token to continue from, not yet in the cache. */
  readonly token: number;
  readonly position: number;
  readonly page: number;
  readonly seed: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  /** Position of the last token that may be sampled. */
  readonly lastPosition: number;
  readonly stopTokens: readonly number[];
}

/** What a submission sampled for one sequence. */
export interface DecodedRow {
  readonly tokens: readonly number[];
  readonly logprobs: readonly number[];
  /** Whether a stop token or the last position was reached. */
  readonly done: boolean;
}

/** Most stop tokens a sequence may have. */
export const MAX_STOP_TOKENS = 8;

/**
 * Batched decoding with a key-value cache: many tokens a submission, sampled on the GPU.
 *
 * A row's arithmetic depends on its own tokens alone, whatever stands beside it and however its prefix came into the
 * cache: the same request gives the same bits in any batch.
 */
export class Decoder {
  /** Token ids are below this. */
  readonly vocabSize: number;
  readonly #gpu: Gpu;
  readonly #prefill: readonly Step[];
  readonly #decode: readonly Step[];
  readonly #views: ReturnType<typeof allocate>;

  constructor(
    planner: GemmPlanner,
    shape: TransformerShape,
    weights: Weights,
    readonly size: DecoderSize,
  ) {
    const { gpu } = planner;
    this.#gpu = gpu;
    this.vocabSize = shape.vocabSize;
    const capacity = roundUp(Math.max(size.maxBatch, size.prefillRows), 64);
    const views = this.#views = gpu.account(
      "decoding",
      () => allocate(gpu, shape, size, capacity),
    );
    const build = new StepBuilder(gpu, planner, shape, views.rows, {
      few: true,
    });
    const adapter = weights.adapter && gpu.account(
      "decoding",
      () => adapterScratch(build, weights),
    );
    const { hiddenSize: D, vocabSize: V } = shape;
    const lookup = embed(build, weights, {
      tokens: views.sequence,
      stride: 4,
      x: views.x,
    });
    const layers: Step[] = [];
    for (let index = 0; index < shape.layers; index++) {
      layers.push(...decodeLayer(build, weights, {
        index,
        views,
        size,
        adapter,
      }));
    }
    const N = roundUp(V, 64);
    const head = headOf(weights);
    const gain = holderOf(weights, "final_norm").view("final_norm");
    this.#prefill = [...lookup, ...layers];
    this.#decode = [
      ...lookup,
      ...layers,
      build.norm(views.x, gain, views.n, views.rstd),
      ...head.holder.windows(head.key).map((
        { firstRow, rows, dtype, weights: B },
      ) =>
        build.product("NT", {
          N: rows,
          K: D,
          dtype,
          c: { stride: N, first: firstRow },
        }, { A: views.n, B, C: views.logits })
      ),
      build.step(
        "sample",
        [
          views.logits,
          views.sequence,
          views.settings,
          views.limits,
          views.stops,
          views.sampled,
          views.logprobs,
        ],
        (rows) => [rows],
        { V, PITCH: N, STEPS: size.stepsPerSubmission, STOPS: MAX_STOP_TOKENS },
      ),
    ];
  }

  /** Says which slots hold the positions of page row `page`. */
  setPage(page: number, slots: Uint32Array): void {
    const { pages } = this.#views;
    const offset = pages.offset + page * this.size.maxContext * 4;
    this.#gpu.write({ ...pages, offset, size: slots.byteLength }, slots);
  }

  /** Computes keys and values of prompt tokens, in the order given. */
  prefill(rows: readonly PrefillRow[]): void {
    const step = this.size.prefillRows;
    for (let first = 0; first < rows.length; first += step) {
      const part = rows.slice(first, first + step);
      const sequence = new Uint32Array(part.length * 4);
      part.forEach(({ token, position, page }, i) =>
        sequence.set([token, position, page, 0], 4 * i)
      );
      this.#gpu.write(this.#views.sequence, sequence);
      this.#views.rows.set(part.length);
      this.#gpu.submit((dispatch) =>
        dispatchSteps(this.#prefill, part.length, dispatch)
      );
    }
  }

  /** Samples up to `steps` tokens for each row, at most `stepsPerSubmission`. */
  async decode(
    rows: readonly DecodeRow[],
    steps: number,
  ): Promise<readonly DecodedRow[]> {
    const gpu = this.#gpu, views = this.#views, R = rows.length;
    const sequence = new Uint32Array(R * 4);
    const settings = new Float32Array(R * 4);
    const limits = new Uint32Array(R * 4);
    const stops = new Uint32Array(R * MAX_STOP_TOKENS).fill(0xffffffff);
    rows.forEach((row, i) => {
      const {
        token,
        position,
        page,
        seed,
        temperature,
        topK,
        topP,
        minP,
        lastPosition,
      } = row;
      const greedy = temperature <= 0;
      sequence.set([token, position, page, 0], 4 * i);
      settings.set([greedy ? 1 : 1 / temperature, topP, minP, topK], 4 * i);
      limits.set(
        [seed >>> 0, lastPosition, position + 1, Number(greedy)],
        4 * i,
      );
      stops.set(row.stopTokens.slice(0, MAX_STOP_TOKENS), i * MAX_STOP_TOKENS);
    });
    views.rows.set(R);
    gpu.write(views.sequence, sequence);
    gpu.write(views.settings, settings);
    gpu.write(views.limits, limits);
    gpu.write(views.stops, stops);
    gpu.submit((dispatch) => {
      for (let step = 0; step < steps; step++) {
        dispatchSteps(this.#decode, R, dispatch);
      }
    });
    const stride = this.size.stepsPerSubmission;
    const [states, sampled, logprobs] = await gpu.read([
      { view: views.sequence, bytes: R * 16 },
      { view: views.sampled, bytes: R * stride * 4 },
      { view: views.logprobs, bytes: R * stride * 4 },
    ]);
    const flags = new Uint32Array(states!);
    const tokens = new Uint32Array(sampled!);
    const scores = new Float32Array(logprobs!);
    return rows.map((_, i) => {
      const flag = flags[4 * i + 3]!;
      const [from, to] = [i * stride, i * stride + (flag >>> 1)];
      return {
        tokens: [...tokens.subarray(from, to)],
        logprobs: [...scores.subarray(from, to)],
        done: (flag & 1) === 1,
      };
    });
  }
}

/** A layer over one new token a row; the residual stream is `views.x` before and after. */
function decodeLayer(
  build: StepBuilder,
  weights: Weights,
  options: {
    readonly index: number;
    readonly views: ReturnType<typeof allocate>;
    readonly size: DecoderSize;
    readonly adapter: AdapterScratch | undefined;
  },
): readonly Step[] {
  const { index, views, size, adapter } = options;
  const { kvHeads: K, feedForward: F, qkNorm } = build.shape;
  const weight = (name: string) =>
    holderOf(weights, `${index}.${name}`).view(`${index}.${name}`);
  const gains = qkNorm ? [weight("q_norm"), weight("k_norm")] : [];
  const { k, v } = views.cache[index]!;
  const context = { CONTEXT: size.maxContext };
  const { x, n, rstd, qkv, q, attended, middle, gu, h } = views;
  const linear = (
    key: LayerMatrix["key"],
    from: View,
    to: View,
    residual?: View,
  ) => {
    const matrix = layerMatrices(build.shape).find((other) =>
      other.key === key
    )!;
    return linearForward(build, weights, { layer: index, matrix }, {
      x: from,
      y: to,
      ...(residual && { residual }),
      ...(adapter && { h: adapter.dh, scratch: adapter }),
    });
  };
  return [
    build.norm(x, weight("attention_norm"), n, rstd),
    ...linear("qkv", n, qkv),
    build.step(
      "cacheRope",
      [qkv, views.rotary, views.sequence, views.pages, q, k, v, ...gains],
      (rows) => [rows],
      context,
    ),
    build.step(
      "cacheAttention",
      [q, k, v, views.sequence, views.pages, attended],
      (rows) => [rows, K],
      context,
    ),
    ...linear("out", attended, middle, x),
    build.norm(middle, weight("mlp_norm"), n, rstd),
    ...linear("gate_up", n, gu),
    build.step(
      "swiglu",
      [gu, h, views.rows.whole],
      (rows) => flat(Math.ceil(rows * F / 4 / 64)),
    ),
    ...linear("down", h, x, middle),
  ];
}

function allocate(
  gpu: Gpu,
  shape: TransformerShape,
  size: DecoderSize,
  capacity: number,
) {
  const {
    hiddenSize: D,
    heads: H,
    kvHeads: K,
    headDim: HD,
    feedForward: F,
    vocabSize: V,
  } = shape;
  const { maxBatch, maxContext, cacheTokens, stepsPerSubmission } = size;
  const words = (count: number): View => gpu.buffer(count * 4);
  const batch = roundUp(maxBatch, 64);
  return {
    rows: new RowCount(gpu, capacity),
    sequence: words(capacity * 4),
    settings: words(batch * 4),
    limits: words(batch * 4),
    stops: words(batch * MAX_STOP_TOKENS),
    sampled: words(batch * stepsPerSubmission),
    logprobs: words(batch * stepsPerSubmission),
    pages: words(maxBatch * maxContext),
    rotary: gpu.upload(rotaryTable({ ...shape, maxPositions: maxContext })),
    x: words(capacity * D),
    n: words(capacity * D),
    rstd: words(capacity),
    qkv: words(capacity * (H + 2 * K) * HD),
    q: words(capacity * H * HD),
    attended: words(capacity * H * HD),
    middle: words(capacity * D),
    gu: words(capacity * 2 * F),
    h: words(capacity * F),
    logits: words(batch * roundUp(V, 64)),
    // Slot 0 belongs to nobody.
    cache: gpu.account(
      "KV cache",
      () =>
        Array.from({ length: shape.layers }, () => ({
          k: words((cacheTokens + 1) * K * HD),
          v: words((cacheTokens + 1) * K * HD),
        })),
    ),
  };
}
