import type {
  HostTensor,
  Policy,
  ScoreGradients,
  StepOptions,
  TreeInput,
  TreeScores,
} from "../../src/nn/mod.ts";

/** Size of the vocabulary. */
export const V = 6;

/** What is kept of a target for the backward pass. */
interface Kept {
  /** Rows of the table that the logits are the sum of. */
  readonly rows: readonly number[];
  readonly token: number;
  readonly probabilities: readonly number[];
  readonly entropy: number;
  readonly temperature: number;
}

/**
 * A language model small enough to be exact: the logits of the next token are a table's row for the
 * last token plus a row for the one before it. `step` is plain gradient descent.
 */
export class TablePolicy implements Policy {
  /** `[2 V, V]`: rows by last token, then rows by the token before. */
  table: Float64Array = new Float64Array(2 * V * V);
  readonly gradients: Float64Array = new Float64Array(2 * V * V);
  /** Names of the calls that cost GPU time, in order. */
  readonly work: string[] = [];
  readonly adapters: readonly string[] = ["default"];
  version = 0;
  readonly dropout: number = 0;
  readonly #reference: Float64Array;
  #kept: Kept[] = [];

  constructor(random: () => number, readonly maxNodes = 1000) {
    this.table = this.table.map(() => random() * 2 - 1);
    this.#reference = this.table.slice();
  }

  /** Probabilities of the token after `path`. */
  next(path: readonly number[], temperature = 1): number[] {
    return softmax(this.table, rowsAfter(path), temperature);
  }

  of(_adapter: string): Policy {
    return this;
  }

  forward(
    input: TreeInput,
    options: { readonly keep?: boolean } = {},
  ): Promise<TreeScores> {
    const { keep = true } = options;
    this.work.push(keep ? "forward" : "score");
    const { kept, scores } = run(this.table, input);
    if (keep) this.#kept = kept;
    return Promise.resolve(scores);
  }

  reference(input: TreeInput): Promise<TreeScores> {
    this.work.push("reference");
    return Promise.resolve(run(this.#reference, input).scores);
  }

  backward(gradients: ScoreGradients): Promise<void> {
    this.work.push("backward");
    this.#kept.forEach((target, at) => {
      const { rows, token, probabilities, entropy, temperature } = target;
      probabilities.forEach((p, v) => {
        const byLogprob = (v === token ? 1 : 0) - p;
        const byEntropy = -p * (Math.log(p) + entropy);
        const slope = (gradients.logprob[at]! * byLogprob +
          gradients.entropy[at]! * byEntropy) / temperature;
        for (const row of rows) this.gradients[row * V + v]! += slope;
      });
    });
    this.#kept = [];
    return Promise.resolve();
  }

  step(options: StepOptions): Promise<{ readonly gradNorm: number }> {
    this.work.push("step");
    const gradNorm = Math.hypot(...this.gradients);
    this.gradients.forEach((slope, at) =>
      this.table[at]! -= options.learningRate * slope
    );
    this.gradients.fill(0);
    this.version++;
    return Promise.resolve({ gradNorm });
  }

  discard(): Promise<void> {
    this.work.push("discard");
    this.gradients.fill(0);
    return Promise.resolve();
  }

  sync(): Promise<void> {
    return Promise.resolve();
  }

  weights(): Promise<readonly HostTensor[]> {
    throw new Error("not used");
  }
  loadWeights(): Promise<void> {
    throw new Error("not used");
  }
  optimizer(): never {
    throw new Error("not used");
  }
  loadOptimizer(): Promise<void> {
    throw new Error("not used");
  }
}

function rowsAfter(path: readonly number[]): number[] {
  const last = path.at(-1)!;
  const before = path.at(-2);
  return before === undefined ? [last] : [last, V + before];
}

function softmax(
  table: Float64Array,
  rows: readonly number[],
  temperature: number,
): number[] {
  const powers = Array.from({ length: V }, (_, v) =>
    Math.exp(
      rows.reduce((sum, row) => sum + table[row * V + v]!, 0) / temperature,
    ));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

function run(
  table: Float64Array,
  input: TreeInput,
): { kept: Kept[]; scores: TreeScores } {
  const { tokens, parents, targets, temperature } = input;
  const kept = Array.from(targets, (target, at): Kept => {
    const last = parents[target]!;
    const before = parents[last]!;
    const path = before < 0
      ? [tokens[last]!]
      : [tokens[before]!, tokens[last]!];
    const rows = rowsAfter(path);
    const probabilities = softmax(table, rows, temperature[at]!);
    return {
      rows,
      token: tokens[target]!,
      probabilities,
      entropy: -probabilities.reduce((sum, p) => sum + p * Math.log(p), 0),
      temperature: temperature[at]!,
    };
  });
  return {
    kept,
    scores: {
      logprob: Float32Array.from(
        kept,
        ({ probabilities, token }) => Math.log(probabilities[token]!),
      ),
      entropy: Float32Array.from(kept, ({ entropy }) => entropy),
    },
  };
}
