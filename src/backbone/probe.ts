import type { Engine } from "../engine/mod.ts";
import { EngineError, UserError } from "../errors.ts";
import { DEFAULT_ADAPTER, type Policy, type TreeInput } from "../nn/mod.ts";

/** How a `probe` is taken. */
export interface ProbeOptions {
  /** The weights as they were trained. */
  readonly policy: Policy;
  /** What serves them. */
  readonly engine: Engine;
  /** The adapter of `engine` that `policy` is. */
  readonly adapter: string;
  /** Largest difference taken for rounding, in nats. */
  readonly maxGap: number;
}

/** How far the served policy is from the trained one. */
export interface ProbeGap {
  /** Tokens compared. */
  readonly tokens: number;
  /** Mean absolute difference of their logprobs, in nats; NaN where none were compared. */
  readonly mean: number;
  /** Largest absolute difference, in nats; NaN where none were compared. */
  readonly max: number;
}

/**
 * Scores recorded tokens with the engine and with the trainer, both at temperature 1, and compares
 * the two: whether the served policy is the trained one, in numbers.
 *
 * @param sequences Of at least two tokens each, together at most `policy.maxNodes`.
 * @throws {UserError} If the engine serves other weights than `policy` holds.
 */
export async function probe(
  sequences: readonly Uint32Array[],
  { policy, engine, adapter, maxGap }: ProbeOptions,
): Promise<ProbeGap> {
  if (engine.info.policyVersion !== policy.version) {
    throw new EngineError(
      `The engine serves policy version ${engine.info.policyVersion}, ` +
        `and version ${policy.version} was trained`,
    );
  }
  if (sequences.length === 0) return { tokens: 0, mean: NaN, max: NaN };

  const served = await engine.score(
    sequences.map((tokens) => [...tokens]),
    { adapter },
  );
  const trained = await policy.forward(chainInput(sequences), { keep: false });
  const gaps = served.flatMap((logprobs) => [...logprobs.subarray(1)])
    .map((logprob, at) => Math.abs(logprob - trained.logprob[at]!));
  const max = gaps.reduce((a, b) => Math.max(a, b), 0);
  if (!(max <= maxGap)) {
    throw new UserError(
      `The engine does not serve the trained weights: at policy version ${policy.version}, a token's logprob ${
        adapter === DEFAULT_ADAPTER ? "" : `under the adapter of ${adapter} `
      }` +
        `differs by ${max} nats, and ${maxGap} are taken for rounding (engine.probe_bound). Where the engine computes ` +
        "in lower precision, raise the bound; else it has kept older weights, or serves another adapter, or another model than model.path",
    );
  }
  const mean = gaps.reduce((a, b) => a + b, 0) / gaps.length;
  return { tokens: gaps.length, mean, max };
}

/** The probes of several adapters as one. */
export function widestGap(gaps: ReadonlyMap<string, ProbeGap>): ProbeGap {
  const taken = [...gaps.values()].filter(({ tokens }) => tokens > 0);
  const tokens = taken.reduce((sum, { tokens }) => sum + tokens, 0);
  if (tokens === 0) return { tokens: 0, mean: NaN, max: NaN };
  return {
    tokens,
    mean: taken.reduce((sum, gap) => sum + gap.mean * gap.tokens, 0) / tokens,
    max: Math.max(...taken.map(({ max }) => max)),
  };
}

/** Plain sequences as trees without branches; every token but the first is a target. */
function chainInput(sequences: readonly Uint32Array[]): TreeInput {
  const count = sequences.reduce((sum, { length }) => sum + length, 0);
  const tokens = new Uint32Array(count);
  const positions = new Uint32Array(count);
  const parents = new Int32Array(count);
  const visibleUntil = new Uint32Array(count);
  const targets: number[] = [];
  let start = 0;
  for (const sequence of sequences) {
    const end = start + sequence.length;
    tokens.set(sequence, start);
    visibleUntil.fill(end, start, end);
    for (let node = start; node < end; node++) {
      positions[node] = node - start;
      parents[node] = node === start ? -1 : node - 1;
      if (node > start) targets.push(node);
    }
    start = end;
  }
  return {
    tokens,
    positions,
    parents,
    visibleUntil,
    targets: Uint32Array.from(targets),
    temperature: new Float32Array(targets.length).fill(1),
  };
}
