import { optimizerOf, type ServeConfig } from "../config/mod.ts";
import { DataError } from "../errors.ts";
import { type FloatType, loadModelFolder } from "../model/mod.ts";
import {
  fineTune,
  type FineTuneRecord,
  type FineTuneSummary,
  type JsonLine,
  readExamples,
  type TokenizedExample,
  tokenizeExample,
} from "../offline/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import { deriveSeed, shuffled } from "../reader/mod.ts";
import { openPolicy } from "./_open_policy.ts";
import { savePolicy } from "./_save_policy.ts";

/** What is learnt from, and where it goes. */
export interface FineTuneModelOptions {
  /** The examples, as `readExamples` has them. */
  readonly lines: AsyncIterable<JsonLine>;
  /** Folder for the new weights. */
  readonly out: string;
  /** Examples of an optimizer step. @default 16 */
  readonly batchSize?: number | undefined;
  /** Share of the examples held out, drawn by seed. @default 0 */
  readonly validationShare?: number | undefined;
  /** Steps between measurements of the validation loss. @default a pass */
  readonly evalEvery?: number | undefined;
  /** Measurements without a better one after which it ends; 0 never does. @default 0 */
  readonly patience?: number | undefined;
  /** Number format of whole weights. @default "F32" */
  readonly dtype?: FloatType | undefined;
  /** Is told what memory it will take, before any is taken. */
  readonly onMemory?: (memory: MemoryUse) => void;
  /** Is told what is worth knowing. */
  readonly onNote?: (text: string) => void;
  /** Aborted to end after the step at work, and to save. */
  readonly stop?: AbortSignal;
}

/** How it ended. */
export interface FineTuned extends FineTuneSummary {
  /** Examples learnt from. */
  readonly examples: number;
  /** Examples held out. */
  readonly validationExamples: number;
  /** Examples left out because they are longer than `train.max_nodes`. */
  readonly tooLong: number;
}

/** Parts the draw of the held-out examples from the orders of the passes. */
const HELD_OUT = 0x5f7;

/**
 * Teaches the model of `config` by example and saves it; `train.steps` counts for nothing, `train.epochs` does.
 *
 * @throws {UserError} If the model cannot be opened, or a line is malformed.
 */
export async function* fineTuneModel(
  config: ServeConfig,
  options: FineTuneModelOptions,
): AsyncGenerator<FineTuneRecord, FineTuned> {
  const { model, seed, train: settings } = config;
  const { lines, out, batchSize = 16, validationShare = 0, dtype = "F32" } =
    options;
  const weights = await loadModelFolder(model.path);
  const all = (await readExamples(lines))
    .map((example) => tokenizeExample(example, weights));
  const { train, validation, tooLong } = divide(all, {
    longest: settings.max_nodes,
    share: validationShare,
    seed,
  });
  const perEpoch = Math.ceil(train.length / batchSize);
  const steps = perEpoch * settings.epochs;
  const { gpu, adapter } = await openPolicy(config, {
    weights,
    trained: true,
    sampled: false,
    onMemory: options.onMemory,
    onNote: options.onNote,
  });
  await using _ = gpu;
  const { policy } = gpu;
  const summary = yield* fineTune(policy, {
    train,
    validation,
    batchSize,
    epochs: settings.epochs,
    optimizer: (step) => optimizerOf(step, { ...settings, steps }),
    seed,
    evalEvery: options.evalEvery ?? perEpoch,
    patience: options.patience ?? 0,
    ...(options.stop && { stop: options.stop }),
  });
  await savePolicy(out, { policy, adapter, model: model.path, dtype });
  return {
    ...summary,
    examples: train.length,
    validationExamples: validation.length,
    tooLong,
  };
}

/** Leaves out what is too long, and holds a share of the rest out. */
function divide(
  all: readonly TokenizedExample[],
  { longest, share, seed }: {
    readonly longest: number;
    readonly share: number;
    readonly seed: number;
  },
): {
  readonly train: readonly TokenizedExample[];
  readonly validation: readonly TokenizedExample[];
  readonly tooLong: number;
} {
  const fitting = all.filter(({ tree }) => tree.size <= longest);
  const held = share === 0 ? 0 : Math.max(1, Math.round(share * all.length));
  if (fitting.length <= held) {
    throw new DataError(
      `Of ${all.length} examples ${fitting.length} have at most ${longest} tokens, and ${held} are held out: ` +
        `none is left to learn from; give more, or raise --max-nodes`,
    );
  }
  const order = shuffled(fitting, deriveSeed([seed, HELD_OUT]));
  return {
    validation: order.slice(0, held),
    train: held === 0 ? fitting : order.slice(held),
    tooLong: all.length - fitting.length,
  };
}
