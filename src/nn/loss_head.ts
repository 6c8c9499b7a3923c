import { UserError } from "../errors.ts";
import { type Gpu, slice, type View } from "../gpu/mod.ts";
import { flat, type Step, type StepBuilder } from "./builder.ts";
import { bytesOf } from "./half.ts";
import { headOf, holderOf } from "./holder_of.ts";
import type { Weights } from "./linear.ts";
import type { Parameters } from "./parameters.ts";
import type { ScoreGradients, TreeScores } from "./policy.ts";
import { RowCount } from "./row_count.ts";
import { roundUp } from "./shape.ts";
import type { TargetPlan } from "./targets.ts";

/** Most bytes of logits that stand in memory at once. */
const LOGITS_BYTES = 32 * 2 ** 20;

/** Steps over one stretch of the vocabulary. */
interface VocabularyChunk {
  readonly logits: Step;
  readonly scores: readonly Step[];
  readonly backward: readonly Step[];
}

/**
 * The final norm, the head and the logprobs of chosen tokens, fused: only rows that a loss term needs are
 * computed, and logits exist for one stretch of the vocabulary at a time.
 *
 * The loss itself is the caller's: `scores` gives logprobs and entropies, `backward` takes the derivatives of
 * whatever was made of them.
 */
export class LossHead {
  readonly #gpu: Gpu;
  readonly #capacity: number;
  readonly #gather: readonly Step[];
  readonly #chunks: readonly VocabularyChunk[];
  readonly #finish: readonly Step[];
  readonly #scatter: Step;
  readonly #views: ReturnType<typeof allocate>;
  #plan: TargetPlan | undefined;
  #states: Float32Array = new Float32Array();

  /** @param x Hidden states `[T, D]`; @param dx receives their gradient, and must be zero before. */
  constructor(
    layers: StepBuilder,
    weights: Weights,
    options: {
      readonly x: View;
      readonly dx: View;
      readonly partial: View;
      readonly capacity: number;
    },
  ) {
    const { gpu, shape: { hiddenSize: D, vocabSize: V } } = layers;
    const { x, dx, partial, capacity } = options;
    this.#gpu = gpu;
    this.#capacity = capacity;
    const width = Math.min(
      roundUp(V, 64),
      Math.max(64, Math.floor(LOGITS_BYTES / 4 / capacity / 64) * 64),
    );
    const views = this.#views = gpu.account(
      "loss head",
      () => allocate(gpu, { capacity, D, width }),
    );
    const build = layers.over(views.rows);
    const norm = holderOf(weights, "final_norm");
    const gain = norm.view("final_norm");
    const { key, holder: matrix } = headOf(weights);
    this.#gather = [
      build.step(
        "gatherRows",
        [views.index, x, views.xr, views.rows.whole],
        (r) => flat(r * D / 4 / 64),
      ),
      build.norm(views.xr, gain, views.nr, views.rstd),
    ];
    const chunks: VocabularyChunk[] = [];
    for (const { first, window, N } of stretches(matrix, key, width)) {
      const offset = (first - window.firstRow) * D;
      const bytes = bytesOf(window.dtype);
      const E = slice(window.weights, offset * bytes, N * D * bytes);
      const dE = slice(
        window.gradients,
        matrix.trained ? offset * 4 : 0,
        N * D * 4,
      );
      const literals = {
        N,
        VALID: Math.min(N, V - first),
        INIT: Number(first === 0),
      };
      // Data and no literal, so that all chunks share their kernels.
      const place = gpu.upload(Uint32Array.of(first, 0, 0, 0));
      // Chunks add up in turn, from one buffer into the other.
      const [from, to] = chunks.length % 2 === 0
        ? [views.dn1, views.dn0]
        : [views.dn0, views.dn1];
      chunks.push({
        logits: build.product("NT", { N, K: D, dtype: window.dtype }, {
          A: views.nr,
          B: E,
          C: views.logits,
        }),
        scores: [
          build.step(
            "headStats",
            [views.logits, views.inverse, views.state, views.rows.whole],
            (r) => flat(r),
            literals,
          ),
          build.step(
            "headTargets",
            [
              views.logits,
              views.inverse,
              views.targets,
              views.picked,
              views.counts,
              place,
            ],
            () => flat(Math.ceil(this.#plan!.count / 64)),
            literals,
          ),
        ],
        backward: [
          build.step(
            "headBackward",
            [
              views.logits,
              views.inverse,
              views.rowState,
              views.rowTargets,
              views.targets,
              views.gradients,
              views.rows.whole,
              place,
            ],
            (r) => flat(r),
            literals,
          ),
          build.product(
            "NN",
            { N: D, K: N, dtype: window.dtype },
            {
              A: views.logits,
              B: E,
              C: to,
              ...(first > 0 && { residual: from }),
            },
          ),
          ...(matrix.trained
            ? build.weightGradient({ M: N, N: D }, {
              A: views.logits,
              B: views.nr,
              C: dE,
            })
            : []),
        ],
      });
    }
    this.#chunks = chunks;
    const dn = chunks.length % 2 === 1 ? views.dn0 : views.dn1;
    const of = { X: views.xr, rstd: views.rstd };
    this.#finish = [
      ...(norm.trained
        ? build.columnSums(
          D,
          dn,
          norm.view("final_norm", "gradients"),
          partial,
          of,
        )
        : []),
      build.normBackward(views.xr, gain, views.rstd, dn, views.dxr, false),
    ];
    this.#scatter = build.step(
      "scatterRows",
      [views.index, views.dxr, dx, views.rowCount],
      () => flat(this.#plan!.rows),
    );
  }

  /**
   * Runs the head over the rows of `plan`; the hidden states must have been submitted before.
   *
   * @throws {UserError} If there are more rows or targets than this model was opened for.
   */
  async scores(plan: TargetPlan): Promise<TreeScores> {
    const gpu = this.#gpu, views = this.#views, R = plan.index.length;
    if (R > this.#capacity || plan.count > TARGETS_PER_ROW * this.#capacity) {
      throw new UserError(
        `A batch has ${plan.count} targets in ${plan.rows} distributions, but train.max_nodes ` +
          `leaves room for ${
            TARGETS_PER_ROW * this.#capacity
          } in ${this.#capacity}`,
      );
    }
    this.#plan = plan;
    views.rows.set(R);
    gpu.write(views.rowCount, Uint32Array.of(plan.rows, 0, 0, 0));
    gpu.write(views.counts, Uint32Array.of(plan.count, 0, 0, 0));
    gpu.write(views.index, plan.index);
    gpu.write(views.inverse, plan.inverseTemperature);
    gpu.write(views.targets, plan.targets);
    gpu.write(views.rowTargets, plan.rowTargets);
    gpu.submit((dispatch) => {
      for (const { op, grid } of this.#gather) dispatch(op, grid(R));
      for (const { logits, scores } of this.#chunks) {
        for (const { op, grid } of [logits, ...scores]) dispatch(op, grid(R));
      }
    });
    const [states, picked] = await gpu.read([
      { view: views.state, bytes: R * 16 },
      { view: views.picked, bytes: plan.count * 4 },
    ]);
    return this.#assemble(
      plan,
      new Float32Array(states!),
      new Float32Array(picked!),
    );
  }

  /** From running sums to logprobs and entropies: log Z = peak + log Σ, H = log Z − E[z]. */
  #assemble(
    plan: TargetPlan,
    states: Float32Array,
    picked: Float32Array,
  ): TreeScores {
    const rows = new Float32Array(plan.index.length * 4);
    // The padding too: with a sum of its own, its probabilities are finite, and zero times them is zero.
    for (let r = 0; r < plan.index.length; r++) {
      const [peak, total, moment] = states.subarray(4 * r, 4 * r + 3);
      rows[4 * r] = peak! + Math.log(total!);
      rows[4 * r + 1] = peak! + Math.log(total!) - moment! / total!;
    }
    this.#states = rows;
    const logprob = new Float32Array(plan.count);
    const entropy = new Float32Array(plan.count);
    plan.order.forEach((place, i) => {
      const row = plan.targets[2 * i]!;
      logprob[place] = picked[i]! - rows[4 * row]!;
      entropy[place] = rows[4 * row + 1]!;
    });
    return { logprob, entropy };
  }

  /** Adds the head's weight gradients and the hidden states' gradient for the last `scores`. */
  backward(gradients: ScoreGradients): void {
    const gpu = this.#gpu,
      views = this.#views,
      plan = this.#plan!,
      R = plan.index.length;
    const sorted = new Float32Array(plan.count);
    for (let r = 0; r < plan.rows; r++) {
      this.#states.fill(0, 4 * r + 2, 4 * r + 4);
    }
    plan.order.forEach((place, i) => {
      const row = plan.targets[2 * i]!;
      sorted[i] = gradients.logprob[place]!;
      this.#states[4 * row + 2]! += gradients.logprob[place]!;
      this.#states[4 * row + 3]! += gradients.entropy[place]!;
    });
    gpu.write(views.rowState, this.#states);
    gpu.write(views.gradients, sorted);
    // The only chunk's logits still stand from the forward pass; of several, only the last one's would.
    const again = this.#chunks.length > 1;
    gpu.submit((dispatch) => {
      for (const { logits, backward } of this.#chunks) {
        if (again) dispatch(logits.op, logits.grid(R));
        for (const { op, grid } of backward) dispatch(op, grid(R));
      }
      for (const { op, grid } of [...this.#finish, this.#scatter]) {
        dispatch(op, grid(R));
      }
    });
  }
}

/** Stretches of the vocabulary of at most `width` entries, none across two windows, and of few different lengths. */
function* stretches(parameters: Parameters, key: string, width: number) {
  for (const window of parameters.windows(key)) {
    const count = Math.ceil(window.rows / width);
    const even = roundUp(Math.ceil(window.rows / count), 64);
    for (let row = 0; row < window.rows; row += even) {
      const N = Math.min(even, window.rows - row);
      yield { first: window.firstRow + row, window, N };
    }
  }
}

function allocate(
  gpu: Gpu,
  { capacity, D, width }: {
    readonly capacity: number;
    readonly D: number;
    readonly width: number;
  },
) {
  const words = (count: number) => gpu.buffer(count * 4);
  const [rowCount, counts] = [words(4), words(4)];
  return {
    rows: new RowCount(gpu, capacity),
    rowCount,
    counts,
    index: words(capacity),
    inverse: words(capacity),
    targets: words(2 * TARGETS_PER_ROW * capacity),
    rowTargets: words(capacity + 1),
    picked: words(TARGETS_PER_ROW * capacity),
    gradients: words(TARGETS_PER_ROW * capacity),
    state: words(4 * capacity),
    rowState: words(4 * capacity),
    xr: words(capacity * D),
    nr: words(capacity * D),
    rstd: words(capacity),
    dn0: words(capacity * D),
    dn1: words(capacity * D),
    dxr: words(capacity * D),
    logits: words(capacity * width),
  };
}

/** Most targets for each node of capacity: a node is a target once a temperature. */
const TARGETS_PER_ROW = 2;
