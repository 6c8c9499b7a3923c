import { algorithmOf, optimizerOf, type ServeConfig } from "../config/mod.ts";
import { type FloatType, loadModelWeights } from "../model/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import {
  type JsonLine,
  readRollouts,
  trainOnRollouts,
  type TrainOnRolloutsRecord,
} from "../offline/mod.ts";
import { openPolicy } from "./_open_policy.ts";
import { savePolicy } from "./_save_policy.ts";

/** What is trained on, and where it goes. */
export interface UpdateFromRolloutsOptions {
  /** The episodes, as `readRollouts` has them. */
  readonly lines: AsyncIterable<JsonLine>;
  /** Folder for the new weights. */
  readonly out: string;
  /** Steps to take. @default one pass over the groups */
  readonly steps?: number | undefined;
  /** Is told what memory it will take, before any is taken. */
  readonly onMemory?: (memory: MemoryUse) => void;
  /** Is told what is worth knowing. */
  readonly onNote?: (text: string) => void;
  /** Number format of whole weights. @default "F32" */
  readonly dtype?: FloatType | undefined;
  /** Aborted to end after the step at work, and to save. */
  readonly stop?: AbortSignal;
}

/**
 * Updates the model of `config` from recorded episodes, `rollout.batch_tasks` groups a step, and saves it;
 * `train.steps` counts for nothing.
 *
 * @throws {UserError} If the model cannot be opened, or a line is malformed.
 */
export async function* updateFromRollouts(
  config: ServeConfig,
  { lines, out, dtype = "F32", ...options }: UpdateFromRolloutsOptions,
): AsyncGenerator<TrainOnRolloutsRecord> {
  const { model, rollout, train } = config;
  const weights = await loadModelWeights(model.path);
  const { groups } = await readRollouts(lines, {
    vocabSize: weights.config.vocabSize,
    temperature: rollout.temperature,
  });
  const groupsPerStep = Math.min(rollout.batch_tasks, groups.length);
  const { steps = Math.ceil(groups.length / groupsPerStep) } = options;
  const { gpu, adapter } = await openPolicy(config, {
    weights,
    trained: true,
    sampled: false,
    acted: true,
    episodes: true,
    onMemory: options.onMemory,
    onNote: options.onNote,
  });
  await using _ = gpu;
  const { policy } = gpu;
  yield* trainOnRollouts(policy, groups, {
    algorithm: algorithmOf(train.algorithm),
    optimizer: (step) => optimizerOf(step, { ...train, steps }),
    steps,
    groupsPerStep,
    epochs: train.epochs,
    minibatches: train.minibatches,
    stop: options.stop,
  });
  await savePolicy(out, { policy, adapter, model: model.path, dtype });
}
