import { ASTunerError } from "../errors.ts";
import type { Policy, StepOptions } from "../nn/mod.ts";
import { buildBatch } from "../tracker/mod.ts";
import type {
  Batch,
  BatchGroup,
  TokenTree,
  TreeBatch,
} from "../tracker/mod.ts";
import { forwardTargets, toTargets, toTerms } from "./_forward_targets.ts";
import type { ForwardTargets } from "./_forward_targets.ts";
import { advantages } from "./advantages.ts";
import type { Algorithm } from "./algorithm.ts";
import { policyLoss } from "./policy_loss.ts";
import type { PolicyLoss } from "./policy_loss.ts";
import { policyMetrics } from "./policy_metrics.ts";
import type { LossSums, PolicyMetrics } from "./policy_metrics.ts";

/** An episode to learn from. */
export interface TrainEpisode {
  /** Names it in errors and metrics. */
  readonly id: string;
  /** Its calls. */
  readonly tree: TokenTree;
  /** NaN where the episode failed: it then counts nowhere. */
  readonly reward: number;
}

/** The episodes of one task, to be compared with one another. */
export interface TrainGroup {
  /** All of them, failed ones too. */
  readonly episodes: readonly TrainEpisode[];
}

/** Options of `update`. */
export interface UpdateOptions {
  /** Turns rewards into a loss. */
  readonly algorithm: Algorithm;
  /** AdamW, with the learning rate of this update. */
  readonly optimizer: StepOptions;
  /** Passes over the groups. @default {1} */
  readonly epochs?: number;
  /** Optimizer steps in a pass, each on its share of the groups. @default {1} */
  readonly minibatches?: number;
  /** Is shown every micro-batch of every epoch, once its loss is known. */
  readonly observe?: (scored: ScoredTerms) => void;
}

/** What the trainer knows of each term of a micro-batch, in one epoch. */
export interface ScoredTerms {
  /** From 0. */
  readonly epoch: number;
  /** The terms, and the calls that they belong to. */
  readonly batch: TreeBatch;
  /** Logprob at the trainer before the first optimizer step on these terms, `[M]`. */
  readonly logprob: Float32Array;
  /** New over old probability, as the loss used it, `[M]`. */
  readonly ratio: Float32Array;
  /** −1 where the ratio's lower bound stops the gradient, 1 where its upper one does, `[M]`. */
  readonly clipped: Int8Array;
}

/** What an update did. */
export interface UpdateMetrics {
  /** Optimizer steps taken; 0 where no group had anything to teach. */
  readonly optimizerSteps: number;
  /** Of the losses; absent without a step. */
  readonly policy?: PolicyMetrics;
  /** Global L2 norm before clipping, mean over the steps; absent without a step. */
  readonly gradNorm?: number;
  /** Groups given. */
  readonly groups: number;
  /** Groups left out since all their advantages are zero. */
  readonly groupsSkipped: number;
  /** Prompt and sampled tokens of every trained call, in one pass. */
  readonly tokensSeen: number;
  /** Tree nodes run forward and backward, in one pass. */
  readonly tokensComputed: number;
  /** Sampled tokens trained on, in one pass. */
  readonly tokensTrained: number;
  /** Episodes left out because they alone exceed the policy's `maxNodes`. */
  readonly tooLong: Batch["tooLong"];
}

/** A micro-batch with what stays the same over the epochs. */
interface MicroBatch {
  readonly batch: TreeBatch;
  readonly targets: ForwardTargets;
  readonly oldLogprob?: Float32Array;
}

/**
 * Improves the policy by one batch of groups: advantages, token trees, and for each minibatch of each epoch
 * exactly one optimizer step on the summed gradients of its micro-batches.
 *
 * Groups whose advantages are all zero cost no GPU time, yet count in the weights of the others.
 *
 * @throws {ASTunerError} If a loss is not finite; the weights are then as before that step.
 */
export async function update(
  policy: Policy,
  groups: readonly TrainGroup[],
  options: UpdateOptions,
): Promise<UpdateMetrics> {
  const { algorithm, optimizer, epochs = 1, minibatches = 1, observe } =
    options;
  const weighed = withAdvantages(groups, algorithm);
  const built = deal(weighed, minibatches).map((share) =>
    buildBatch(share, { ...algorithm, maxNodes: policy.maxNodes })
  );

  const live = built.filter(({ batches }) => batches.length > 0);
  // With dropout, what trains is not what samples: the gap to the engine would be measured through it.
  const scoreFirst = epochs * live.length > 1 || policy.dropout > 0;
  const prepared: MicroBatch[][] = [];
  for (const { batches } of live) {
    const micro: MicroBatch[] = [];
    for (const batch of batches) {
      micro.push(await prepare(policy, batch, { algorithm, scoreFirst }));
    }
    prepared.push(micro);
  }

  const sums: LossSums[] = [];
  const norms: number[] = [];
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const minibatch of prepared) {
      for (const micro of minibatch) {
        const { loss, logprob } = await accumulate(policy, micro, algorithm);
        const { ratio, clipped } = loss;
        sums.push(loss.sums);
        observe?.({ epoch, batch: micro.batch, logprob, ratio, clipped });
      }
      norms.push((await policy.step(optimizer)).gradNorm);
    }
  }

  const total = (count: (batch: Batch) => number) =>
    built.reduce((sum, batch) => sum + count(batch), 0);
  return {
    optimizerSteps: norms.length,
    ...(norms.length > 0 && {
      policy: policyMetrics(sums, norms.length),
      gradNorm: norms.reduce((sum, norm) => sum + norm, 0) / norms.length,
    }),
    groups: groups.length,
    groupsSkipped: weighed.filter(({ skip }) => skip).length,
    tokensSeen: total(({ tokensSeen }) => tokensSeen),
    tokensComputed: total(({ tokensComputed }) => tokensComputed),
    tokensTrained: prepared.flat().reduce(
      (sum, { batch }) => sum + batch.terms.node.length,
      0,
    ),
    tooLong: built.flatMap(({ tooLong }) => tooLong),
  };
}

/** Gives each episode that did not fail its advantage, and marks the groups with nothing to teach. */
function withAdvantages(
  groups: readonly TrainGroup[],
  algorithm: Algorithm,
): BatchGroup[] {
  const finished = groups.map(({ episodes }) =>
    episodes.filter(({ reward }) => !Number.isNaN(reward))
  );
  const compared = advantages(
    finished.map((episodes) => episodes.map(({ reward }) => reward)),
    algorithm,
  );
  return finished.map((episodes, group) => {
    const { advantages, signal } = compared[group]!;
    return {
      skip: !signal,
      episodes: episodes.map(({ id, tree }, index) => ({
        id,
        tree,
        advantage: advantages[index]!,
      })),
    };
  });
}

/** Deals the groups into shares, in order, those with something to teach as evenly as they go. */
function deal(groups: readonly BatchGroup[], shares: number): BatchGroup[][] {
  const slice = (of: readonly BatchGroup[], share: number) =>
    of.slice(
      Math.floor(share * of.length / shares),
      Math.floor((share + 1) * of.length / shares),
    );
  const live = groups.filter(({ skip }) => !skip);
  const skipped = groups.filter(({ skip }) => skip);
  return Array.from(
    { length: shares },
    (_, share) => [...slice(live, share), ...slice(skipped, share)],
  );
}

/** Finds a micro-batch's targets, and its old and reference logprobs where they are needed. */
async function prepare(
  policy: Policy,
  batch: TreeBatch,
  options: { readonly algorithm: Algorithm; readonly scoreFirst: boolean },
): Promise<MicroBatch> {
  const targets = forwardTargets(batch);
  const { input, targetOf } = targets;
  const { kl = "none" } = options.algorithm;
  if (kl !== "none") {
    const { logprob } = await policy.reference(input);
    batch.terms.referenceLogprob.set(toTerms(logprob, targetOf));
  }
  if (!options.scoreFirst) return { batch, targets };
  const { logprob } = await policy.forward(input, { keep: false });
  return { batch, targets, oldLogprob: toTerms(logprob, targetOf) };
}

/**
 * Adds a micro-batch's gradients to the policy's.
 *
 * @returns The loss, and the logprobs that its ratios are relative to.
 */
async function accumulate(
  policy: Policy,
  { batch, targets, oldLogprob }: MicroBatch,
  algorithm: Algorithm,
): Promise<{ readonly loss: PolicyLoss; readonly logprob: Float32Array }> {
  const scores = await policy.forward(targets.input);
  const logprob = toTerms(scores.logprob, targets.targetOf);
  const loss = policyLoss(batch.terms, {
    logprob,
    entropy: toTerms(scores.entropy, targets.targetOf),
    ...(oldLogprob && { oldLogprob }),
  }, algorithm);
  if (!Number.isFinite(loss.loss)) {
    await policy.discard();
    throw new ASTunerError(
      `Cannot take an optimizer step: the loss over episodes ${
        batch.episodes.join(", ")
      } is ${loss.loss}; lower the learning rate, or look for broken weights`,
    );
  }
  await policy.backward({
    logprob: toTargets(loss.logprobGradient, targets),
    entropy: toTargets(loss.entropyGradient, targets),
  });
  return { loss, logprob: oldLogprob ?? logprob };
}
