import type {
  Engine,
  EngineInfo,
  GenerateRequest,
  Generation,
} from "../../src/engine/mod.ts";
import type {
  HostTensor,
  OptimizerState,
  Policy,
  ScoreGradients,
  StepOptions,
  TreeInput,
  TreeScores,
} from "../../src/nn/mod.ts";
import { deriveSeed } from "../../src/reader/mod.ts";

const NAME = "bigram.weight";

/**
 * The smallest policy there is: a table of logits, `[vocab, vocab]`, of the next token by the last
 * one. It trains and serves in milliseconds, so that what stands above it can be tested for real.
 */
export class Bigram implements Policy {
  readonly adapters = ["default"];
  readonly maxNodes = 4096;
  readonly vocab: number;
  version = 0;
  readonly dropout = 0;
  served = 0;
  #weights: Float32Array;
  #served: Float32Array;
  #gradient: Float32Array;
  #m: Float32Array;
  #v: Float32Array;
  #input: TreeInput | undefined;

  constructor(vocab: number) {
    this.vocab = vocab;
    const size = vocab * vocab;
    this.#weights = new Float32Array(size);
    this.#served = this.#weights.slice();
    this.#gradient = new Float32Array(size);
    this.#m = new Float32Array(size);
    this.#v = new Float32Array(size);
  }

  /** Probabilities after `token` under the weights served, at `temperature`. */
  servedProbabilities(token: number, temperature: number): Float64Array {
    return this.#probabilities(this.#served, token, temperature);
  }

  of(): this {
    return this;
  }

  forward(input: TreeInput, options?: { keep?: boolean }): Promise<TreeScores> {
    if (options?.keep !== false) this.#input = input;
    const rows = this.#rows(input);
    return Promise.resolve({
      logprob: Float32Array.from(rows, ({ p, token }) => Math.log(p[token]!)),
      entropy: Float32Array.from(
        rows,
        ({ p }) => -p.reduce((sum, x) => sum + x * Math.log(x), 0),
      ),
    });
  }

  reference(input: TreeInput): Promise<TreeScores> {
    return this.forward(input, { keep: false });
  }

  backward(gradients: ScoreGradients): Promise<void> {
    this.#rows(this.#input!).forEach(({ p, token, last, temperature }, at) => {
      const scale = gradients.logprob[at]! / temperature;
      p.forEach((x, next) => {
        const gradient = scale * ((next === token ? 1 : 0) - x);
        this.#gradient[last * this.vocab + next]! += gradient;
      });
    });
    return Promise.resolve();
  }

  step(options: StepOptions): Promise<{ readonly gradNorm: number }> {
    const { learningRate, beta1, beta2, epsilon } = options;
    this.version++;
    this.#gradient.forEach((g, at) => {
      this.#m[at] = beta1 * this.#m[at]! + (1 - beta1) * g;
      this.#v[at] = beta2 * this.#v[at]! + (1 - beta2) * g * g;
      const m = this.#m[at]! / (1 - beta1 ** this.version);
      const v = this.#v[at]! / (1 - beta2 ** this.version);
      this.#weights[at]! -= learningRate * m / (Math.sqrt(v) + epsilon);
    });
    const gradNorm = Math.hypot(...this.#gradient);
    this.#gradient.fill(0);
    return Promise.resolve({ gradNorm });
  }

  discard(): Promise<void> {
    this.#gradient.fill(0);
    return Promise.resolve();
  }

  sync(version: number): Promise<void> {
    this.#served = this.#weights.slice();
    this.served = version;
    return Promise.resolve();
  }

  weights(): Promise<readonly HostTensor[]> {
    return Promise.resolve([this.#tensor(this.#weights)]);
  }

  loadWeights(tensors: readonly HostTensor[]): Promise<void> {
    this.#weights = tensors[0]!.data.slice();
    return Promise.resolve();
  }

  optimizer(): Promise<OptimizerState> {
    return Promise.resolve({
      step: this.version,
      m: [this.#tensor(this.#m)],
      v: [this.#tensor(this.#v)],
    });
  }

  loadOptimizer({ step, m, v }: OptimizerState): Promise<void> {
    this.version = step;
    this.#m = m[0]!.data.slice();
    this.#v = v[0]!.data.slice();
    return Promise.resolve();
  }

  #tensor(data: Float32Array): HostTensor {
    return {
      name: NAME,
      shape: [this.vocab, this.vocab],
      data: data.slice(),
    };
  }

  #rows({ tokens, parents, targets, temperature }: TreeInput) {
    return [...targets].map((node, at) => {
      const last = tokens[parents[node]!]!;
      const t = temperature[at]!;
      const p = this.#probabilities(this.#weights, last, t);
      return { p, token: tokens[node]!, last, temperature: t };
    });
  }

  #probabilities(weights: Float32Array, token: number, t: number) {
    const row = weights.subarray(token * this.vocab, (token + 1) * this.vocab);
    const exp = Float64Array.from(row, (logit) => Math.exp(logit / t));
    const sum = exp.reduce((a, b) => a + b, 0);
    return exp.map((x) => x / sum);
  }
}

/** Serves a `Bigram` as an engine does. */
export class BigramEngine implements Engine {
  readonly #policy: Bigram;

  constructor(policy: Bigram) {
    this.#policy = policy;
  }

  get info(): EngineInfo {
    return {
      kind: "webgpu",
      model: "bigram",
      maxContext: 1024,
      policyVersion: this.#policy.served,
    };
  }

  generate(request: GenerateRequest): Promise<Generation> {
    const { temperature, maxTokens, stopTokens, seed } = request.sampling;
    const tokens: number[] = [];
    const logprobs: number[] = [];
    let last = request.tokens.at(-1)!;
    while (tokens.length < maxTokens && !stopTokens.includes(last)) {
      const p = this.#policy.servedProbabilities(last, temperature || 1);
      const draw = deriveSeed([seed, request.tokens.length + tokens.length]);
      last = temperature === 0 ? likeliest(p) : draw01(p, draw / 2 ** 32);
      tokens.push(last);
      logprobs.push(Math.log(p[last]!));
    }
    const { policyVersion } = this.info;
    const finishReason = stopTokens.includes(last) ? "stop" : "length";
    return Promise.resolve({ tokens, logprobs, finishReason, policyVersion });
  }

  score(sequences: readonly (readonly number[])[]): Promise<Float32Array[]> {
    return Promise.resolve(
      sequences.map((tokens) =>
        Float32Array.from(tokens, (token, at) => {
          if (at === 0) return NaN;
          return Math.log(
            this.#policy.servedProbabilities(tokens[at - 1]!, 1)[token]!,
          );
        })
      ),
    );
  }

  health() {
    return Promise.resolve({ ok: true, running: 0, waiting: 0 });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function likeliest(p: Float64Array): number {
  return p.indexOf(Math.max(...p));
}

function draw01(p: Float64Array, draw: number): number {
  let sum = 0;
  const at = p.findIndex((x) => (sum += x) > draw);
  return at < 0 ? p.length - 1 : at;
}
