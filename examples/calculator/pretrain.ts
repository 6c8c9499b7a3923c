import type { Policy, TreeInput } from "../../src/nn/mod.ts";
import { deriveSeed, shuffled } from "../../src/reader/mod.ts";

/** How a model learns to imitate a corpus. */
export interface PretrainOptions {
  readonly steps: number;
  /** Sequences in a step. */
  readonly batch: number;
  /** Reached after 50 steps of warm-up; falls along a cosine to a twentieth. */
  readonly learningRate: number;
  /** Gives the order of the sequences. */
  readonly seed: number;
  /** Called after each step with its mean loss, in nats per token. */
  readonly onStep?: (step: number, loss: number) => void;
}

const WARMUP_STEPS = 50;

/** Trains `policy` to predict every token of `sequences` but the first of each (cross-entropy, AdamW). */
export async function pretrain(
  policy: Pick<Policy, "forward" | "backward" | "step">,
  sequences: readonly (readonly number[])[],
  options: PretrainOptions,
): Promise<void> {
  const { steps, batch, learningRate, seed, onStep } = options;
  const order = epochs(sequences, seed);
  for (let step = 1; step <= steps; step++) {
    const forest = plantForest(
      Array.from({ length: batch }, () => order.next().value),
    );
    const count = forest.targets.length;
    const { logprob } = await policy.forward(forest);
    await policy.backward({
      logprob: new Float32Array(count).fill(-1 / count),
      entropy: new Float32Array(count),
    });
    await policy.step({
      learningRate: learningRate * schedule(step, steps),
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-8,
      weightDecay: 0.01,
      maxGradNorm: 1,
    });
    onStep?.(step, -logprob.reduce((sum, value) => sum + value, 0) / count);
  }
}

/** Share of the learning rate at `step`, counted from 1. */
function schedule(step: number, steps: number): number {
  if (step <= WARMUP_STEPS) return step / WARMUP_STEPS;
  const progress = (step - WARMUP_STEPS) / (steps - WARMUP_STEPS);
  return 0.05 + 0.95 * (1 + Math.cos(Math.PI * progress)) / 2;
}

/** `items` again and again without end, each time in another order. */
function* epochs<T>(
  items: readonly T[],
  seed: number,
): Generator<T, never> {
  for (let epoch = 0;; epoch++) {
    yield* shuffled(items, deriveSeed([seed, epoch]));
  }
}

/** Sequences side by side, each a tree without branches; every node but the roots is a target. */
function plantForest(sequences: readonly (readonly number[])[]): TreeInput {
  const tokens = Uint32Array.from(sequences.flat());
  const positions = new Uint32Array(tokens.length);
  const parents = new Int32Array(tokens.length);
  const visibleUntil = new Uint32Array(tokens.length);
  const targets: number[] = [];
  let root = 0;
  for (const { length } of sequences) {
    const end = root + length;
    for (let node = root; node < end; node++) {
      positions[node] = node - root;
      parents[node] = node === root ? -1 : node - 1;
      visibleUntil[node] = end;
      if (node > root) targets.push(node);
    }
    root = end;
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
