import type { TreeInput } from "../../src/nn/policy.ts";
import type { TransformerShape } from "../../src/nn/shape.ts";
import {
  attention,
  distribution,
  qkRope,
  rmsNorm,
  swiglu,
} from "../kernels/_reference.ts";

/** Weights by name, in float64. */
export type ReferenceWeights = ReadonlyMap<string, ArrayLike<number>>;

/** Logprob and entropy at each target. */
export interface ReferenceScores {
  readonly logprob: Float64Array;
  readonly entropy: Float64Array;
}

/** What an adapter adds to a projection of `x`, `[rows, width]`; undefined where it leaves it alone. */
export type Beside = (
  x: Float64Array,
  projection: { readonly layer: number; readonly name: string },
) => Float64Array | undefined;

/** Scores of a forest's targets by a decoder written plainly in float64: what the GPU should come to. */
export function referenceScores(
  shape: TransformerShape,
  weights: ReferenceWeights,
  input: TreeInput,
  beside: Beside = () => undefined,
): ReferenceScores {
  const hidden = hiddenStates(shape, weights, input, beside);
  const D = shape.hiddenSize;
  const head = weights.get(
    shape.tieEmbeddings ? "model.embed_tokens.weight" : "lm_head.weight",
  )!;
  const logprob = new Float64Array(input.targets.length);
  const entropy = new Float64Array(input.targets.length);
  input.targets.forEach((node, p) => {
    const parent = input.parents[node]!;
    const logits = linear(
      hidden.subarray(parent * D, (parent + 1) * D),
      head,
      D,
    );
    const scores = distribution(logits, input.temperature[p]! || 1);
    logprob[p] = scores.logprobs[input.tokens[node]!]!;
    entropy[p] = scores.entropy;
  });
  return { logprob, entropy };
}

/** The final norm's output, `[N, D]`. */
function hiddenStates(
  shape: TransformerShape,
  weights: ReferenceWeights,
  input: TreeInput,
  beside: Beside,
): Float64Array {
  const { hiddenSize: D, heads: H, kvHeads: K, headDim: HD, feedForward: F } =
    shape;
  const N = input.tokens.length, epsilon = shape.normEpsilon;
  const heads = { H, K, HD };
  const embedding = weights.get("model.embed_tokens.weight")!;
  let x = Float64Array.from(
    { length: N * D },
    (_, i) => embedding[input.tokens[Math.floor(i / D)]! * D + i % D]!,
  );
  for (let layer = 0; layer < shape.layers; layer++) {
    const prefix = `model.layers.${layer}`;
    const weight = (name: string) => weights.get(`${prefix}.${name}.weight`)!;
    const project = (x: Float64Array, name: string, width: number) => {
      const bias = weights.get(`${prefix}.${name}.bias`);
      const y = linear(x, weight(name), width, bias);
      const more = beside(x, { layer, name: name.split(".")[1]! });
      return more ? sum(y, more) : y;
    };
    const n1 = rmsNorm(x, weight("input_layernorm"), epsilon);
    const [q, k, v] = ["q", "k", "v"].map((letter) =>
      project(n1, `self_attn.${letter}_proj`, D)
    ) as [Float64Array, Float64Array, Float64Array];
    const qkv = joinRows([q, k, v], N);
    const qk = qkRope(qkv, {
      ...heads,
      positions: input.positions,
      theta: shape.ropeTheta,
      epsilon,
      ...(shape.qkNorm && {
        gains: { q: weight("self_attn.q_norm"), k: weight("self_attn.k_norm") },
      }),
    });
    const { out } = attention(qk, qkv, {
      ...heads,
      ...input,
      ...(shape.slidingWindow && { window: shape.slidingWindow }),
    });
    x = sum(x, project(out, "self_attn.o_proj", H * HD));
    const n2 = rmsNorm(x, weight("post_attention_layernorm"), epsilon);
    const gateUp = joinRows([
      project(n2, "mlp.gate_proj", D),
      project(n2, "mlp.up_proj", D),
    ], N);
    x = sum(x, project(swiglu(gateUp, F), "mlp.down_proj", F));
  }
  return rmsNorm(x, weights.get("model.norm.weight")!, epsilon);
}

/** x · Wᵀ + bias, x `[rows, width]`, W `[out, width]`. */
export function linear(
  x: Float64Array,
  W: ArrayLike<number>,
  width: number,
  bias?: ArrayLike<number>,
): Float64Array {
  const rows = x.length / width, out = W.length / width;
  const y = new Float64Array(rows * out);
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < out; o++) {
      let total = bias ? bias[o]! : 0;
      for (let i = 0; i < width; i++) {
        total += x[r * width + i]! * W[o * width + i]!;
      }
      y[r * out + o] = total;
    }
  }
  return y;
}

/** Matrices of equally many rows, side by side. */
function joinRows(
  parts: readonly Float64Array[],
  rows: number,
): Float64Array {
  const widths = parts.map((part) => part.length / rows);
  const whole = widths.reduce((total, width) => total + width, 0);
  const out = new Float64Array(rows * whole);
  for (let r = 0; r < rows; r++) {
    let at = r * whole;
    parts.forEach((part, i) => {
      out.set(part.subarray(r * widths[i]!, (r + 1) * widths[i]!), at);
      at += widths[i]!;
    });
  }
  return out;
}

function sum(a: Float64Array, b: Float64Array): Float64Array<ArrayBuffer> {
  return Float64Array.from(a, (x, i) => x + b[i]!);
}
