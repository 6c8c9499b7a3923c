import {
  flagOverride,
  loadServeConfig,
  type Override,
  parseSet,
  type ServeConfig,
} from "../config/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { localConfig } from "./local_config.ts";
import { locateModel, modelOverrides } from "./locate_model.ts";

/** Flags that stand for a key of the YAML. */
const KEYS: Readonly<Record<string, string>> = {
  seed: "seed",
  algorithm: "train.algorithm.name",
  "clip-low": "train.algorithm.clip_low",
  "clip-high": "train.algorithm.clip_high",
  method: "train.method",
  rank: "train.lora.rank",
  alpha: "train.lora.alpha",
  lr: "train.learning_rate",
  "warmup-steps": "train.warmup_steps",
  decay: "train.decay",
  "weight-decay": "train.weight_decay",
  "max-grad-norm": "train.max_grad_norm",
  epochs: "train.epochs",
  minibatches: "train.minibatches",
  "groups-per-step": "rollout.batch_tasks",
  temperature: "rollout.temperature",
  "max-nodes": "train.max_nodes",
};

/**
 * The config of a command that works from files: the defaults, or the file of `--conf`, with what the flags change in it;
 * its model is on this machine.
 *
 * @throws {UserError} If it is not a valid one, or no model is named.
 */
export async function readOfflineConfig(args: Args): Promise<ServeConfig> {
  const path = neededFlag(args, "model");
  const adapter = args.text("adapter");
  const file = args.text("conf");
  const config = await loadServeConfig({
    ...(file !== undefined && { file }),
    overrides: [
      // A step takes all groups unless told otherwise.
      {
        key: "rollout.batch_tasks",
        value: Number.MAX_SAFE_INTEGER,
        source: "",
      },
      ...args.texts("set").map(parseSet),
      ...flagOverrides(args),
      ...modelOverrides(await locateModel(path)),
      ...adapter === undefined ? [] : [{
        key: "model.adapter",
        value: adapter,
        source: `--adapter ${adapter}`,
      }],
    ],
  });
  return await localConfig(config);
}

/**
 * The value of a flag that a command cannot do without.
 *
 * @throws {UsageError} If it was not given.
 */
export function neededFlag(args: Args, flag: string): string {
  const text = args.text(flag);
  if (text !== undefined) return text;
  throw new UsageError(`--${flag} is missing`);
}

function flagOverrides(args: Args): Override[] {
  return Object.entries(KEYS).flatMap(([flag, key]) => {
    const text = args.text(flag);
    const source = `--${flag} ${text}`;
    return text === undefined ? [] : [flagOverride(key, text, source)];
  });
}
