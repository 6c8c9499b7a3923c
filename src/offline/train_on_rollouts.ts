import { DEFAULT_ADAPTER, type Policy, type StepOptions } from "../nn/mod.ts";
import {
  agentMetrics,
  type Algorithm,
  type PolicyMetrics,
  type TrainGroup,
  updateAdapters,
  type UpdateMetrics,
} from "../trainer/mod.ts";

/** How a policy is trained on recorded episodes. */
export interface TrainOnRolloutsOptions {
  /** Turns rewards into a loss. */
  readonly algorithm: Algorithm;
  /** AdamW's settings in a step, counted from 1. */
  readonly optimizer: (step: number) => StepOptions;
  /** Steps taken; after the last group comes the first again. */
  readonly steps: number;
  /** Groups of a step. */
  readonly groupsPerStep: number;
  /** Passes over the groups of a step. @default 1 */
  readonly epochs?: number;
  /** Optimizer steps in a pass. @default 1 */
  readonly minibatches?: number;
  /** Aborted to end after the step at work. */
  readonly stop?: AbortSignal | undefined;
}

/** What a step did: the trainer's own metrics in one row. */
export type TrainOnRolloutsRecord =
  & {
    /** From 1. */
    readonly step: number;
    readonly learningRate: number;
    /** Of adapters that are one agent's own, by `AGENT.METRIC`; the plain names are those of the shared one. */
    readonly agents?: Readonly<Record<string, number>>;
  }
  & Omit<UpdateMetrics, "policy">
  & Partial<PolicyMetrics>;

/**
 * Takes training steps on recorded episodes, in their order, by the `updateAdapters` that a run takes.
 *
 * @throws {ASTunerError} If a loss is not finite.
 */
export async function* trainOnRollouts(
  policy: Policy,
  groups: readonly TrainGroup[],
  options: TrainOnRolloutsOptions,
): AsyncGenerator<TrainOnRolloutsRecord> {
  const { algorithm, steps, groupsPerStep, epochs = 1, minibatches = 1, stop } =
    options;
  const batches = Array.from(
    { length: Math.ceil(groups.length / groupsPerStep) },
    (_, at) => groups.slice(at * groupsPerStep, (at + 1) * groupsPerStep),
  );
  for (let step = 1; step <= steps && !stop?.aborted; step++) {
    const batch = batches[(step - 1) % batches.length]!;
    const optimizer = options.optimizer(step);
    const updated = await updateAdapters(policy, batch, {
      algorithm,
      optimizer,
      epochs,
      minibatches,
    });
    const { policy: losses, ...metrics } = updated.get(DEFAULT_ADAPTER)!;
    const { learningRate } = optimizer;
    const agents = updated.size > 1 ? { agents: agentMetrics(updated) } : {};
    yield { step, learningRate, ...losses, ...metrics, ...agents };
  }
}
