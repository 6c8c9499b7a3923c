import { ASTunerError } from "../errors.ts";
import type { Policy, StepOptions, TreeInput } from "../nn/mod.ts";
import { deriveSeed, shuffled } from "../reader/mod.ts";
import { buildBatch, type TreeBatch } from "../tracker/mod.ts";
import type { TokenizedExample } from "./tokenize_example.ts";

/** How a policy is taught by example. */
export interface FineTuneOptions {
  readonly train: readonly TokenizedExample[];
  /** Held out, to be measured; may be empty. */
  readonly validation: readonly TokenizedExample[];
  /** Examples of an optimizer step. */
  readonly batchSize: number;
  /** Passes over the examples. */
  readonly epochs: number;
  /** AdamW's settings in a step, counted from 1. */
  readonly optimizer: (step: number) => StepOptions;
  /** Orders each pass. */
  readonly seed: number;
  /** Steps from one measurement of the validation loss to the next. */
  readonly evalEvery: number;
  /** Measurements without a better one after which it ends early; 0 never does. */
  readonly patience: number;
  /** Aborted to end after the step at work. */
  readonly stop?: AbortSignal;
}

/** What a step did. */
export interface FineTuneRecord {
  /** From 1. */
  readonly step: number;
  /** Steps in all, unless it ends early. */
  readonly steps: number;
  /** Passes begun. */
  readonly epoch: number;
  /** Nats per imitated token. */
  readonly loss: number;
  /** Imitated tokens. */
  readonly tokensTrained: number;
  /** Tree nodes run forward and backward. */
  readonly tokensComputed: number;
  readonly learningRate: number;
  readonly gradNorm: number;
  /** Nats per imitated token of the held-out examples; absent where it was not measured. */
  readonly validationLoss?: number;
}

/** How it ended. */
export interface FineTuneSummary {
  /** Steps taken. */
  readonly steps: number;
  /** Step of the weights that the policy holds in the end. */
  readonly bestStep: number;
  /** Of those weights; absent without held-out examples. */
  readonly validationLoss?: number;
  /** Whether the validation loss had stopped to improve. */
  readonly endedEarly: boolean;
}

/** Weights worth going back to. */
interface Best {
  readonly step: number;
  readonly loss: number;
  readonly weights: Awaited<ReturnType<Policy["weights"]>>;
}

/**
 * Minimises the mean negative logprob of what the examples' assistant says. A step's examples are merged into forests,
 * each shared prefix once, and split into as many passes as their size takes.
 *
 * With held-out examples the policy ends with the weights that did best on them.
 *
 * @throws {ASTunerError} If a loss is not finite.
 */
export async function* fineTune(
  policy: Policy,
  options: FineTuneOptions,
): AsyncGenerator<FineTuneRecord, FineTuneSummary> {
  const { train, validation, batchSize, epochs, optimizer, seed } = options;
  const perEpoch = Math.ceil(train.length / batchSize);
  const steps = perEpoch * epochs;
  let best: Best | undefined;
  let misses = 0;
  let step = 0;
  while (step < steps && !options.stop?.aborted) {
    const epoch = Math.floor(step / perEpoch);
    const order = shuffled(train, deriveSeed([seed, epoch]));
    const first = (step % perEpoch) * batchSize;
    const batches = forests(order.slice(first, first + batchSize), policy);
    const loss = await accumulate(policy, batches);
    const settings = optimizer(++step);
    const { gradNorm } = await policy.step(settings);
    const due = validation.length > 0 &&
      (step % options.evalEvery === 0 || step === steps);
    const validationLoss = due ? await measure(policy, validation) : undefined;
    yield {
      step,
      steps,
      epoch: epoch + 1,
      loss,
      tokensTrained: sum(batches, ({ terms }) => terms.node.length),
      tokensComputed: sum(batches, ({ tokens }) => tokens.length),
      learningRate: settings.learningRate,
      gradNorm,
      ...(validationLoss !== undefined && { validationLoss }),
    };
    if (validationLoss === undefined) continue;
    if (best === undefined || validationLoss < best.loss) {
      best = { step, loss: validationLoss, weights: await policy.weights() };
      misses = 0;
    } else if (++misses === options.patience) break;
  }
  if (best !== undefined && best.step < step) {
    await policy.loadWeights(best.weights);
  }
  return {
    steps: step,
    bestStep: best?.step ?? step,
    ...(best && { validationLoss: best.loss }),
    endedEarly: misses > 0 && misses === options.patience,
  };
}

/** Merges examples into forests of at most `maxNodes` nodes; every imitated token weighs the same. */
function forests(
  examples: readonly TokenizedExample[],
  { maxNodes }: Policy,
): readonly TreeBatch[] {
  const episodes = examples.map(({ where, tree }) => ({
    id: where,
    tree,
    advantage: 1,
  }));
  return buildBatch([{ episodes }], { maxNodes, normalisation: "token" })
    .batches;
}

/** Adds the gradients of a step's batches to the policy's; returns the loss. */
async function accumulate(
  policy: Policy,
  batches: readonly TreeBatch[],
): Promise<number> {
  let loss = 0;
  for (const batch of batches) {
    const { logprob } = await policy.forward(inputOf(batch));
    const { weight } = batch.terms;
    const part = logprob.reduce((sum, p, at) => sum - weight[at]! * p, 0);
    if (!Number.isFinite(part)) {
      await policy.discard();
      throw new ASTunerError(
        `Cannot take an optimizer step: the loss over ${
          batch.episodes.join(", ")
        } is ${part}; lower the learning rate, or look for broken weights`,
      );
    }
    loss += part;
    await policy.backward({
      logprob: weight.map((share) => -share),
      entropy: new Float32Array(weight.length),
    });
  }
  return loss;
}

async function measure(
  policy: Policy,
  examples: readonly TokenizedExample[],
): Promise<number> {
  let loss = 0;
  for (const batch of forests(examples, policy)) {
    const { logprob } = await policy.forward(inputOf(batch), { keep: false });
    const { weight } = batch.terms;
    loss = logprob.reduce((sum, p, at) => sum - weight[at]! * p, loss);
  }
  return loss;
}

function inputOf(batch: TreeBatch): TreeInput {
  const { tokens, positions, parents, visibleUntil, terms } = batch;
  const { node, temperature } = terms;
  return {
    tokens,
    positions,
    parents,
    visibleUntil,
    targets: node,
    temperature,
  };
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}
