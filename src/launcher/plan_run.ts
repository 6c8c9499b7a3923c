import type { ServeConfig } from "../config/mod.ts";
import { readConfig, resolveModel } from "../model/hub/mod.ts";
import { parseModelConfig, readAdapterConfig } from "../model/mod.ts";
import type { MemoryUse } from "../monitor/mod.ts";
import { type PolicyUse, standingAdapter } from "./_policy_options.ts";
import { checkMemory, fitPolicy } from "./_run_memory.ts";

/** What each command opens the model for. */
const USES = {
  train: { trained: true, sampled: true, acted: true, episodes: true },
  update: { trained: true, sampled: false, acted: true, episodes: true },
  sft: { trained: true, sampled: false },
  serve: { trained: false, sampled: true },
  score: { trained: false, sampled: false },
} as const satisfies Readonly<Record<string, PolicyUse>>;

/** A command that opens a model. */
export type ModelCommand = keyof typeof USES;

/** Every command that opens a model. */
export const MODEL_COMMANDS: readonly ModelCommand[] = Object.keys(
  USES,
) as ModelCommand[];

/**
 * What `command` would take of the memory there is, from the model's `config.json` alone.
 *
 * @throws {ModelError} If that cannot be read, or is not supported.
 * @throws {DeviceError} If there is no GPU, or the memory cannot hold the run.
 */
export async function planRun(
  config: ServeConfig,
  command: ModelCommand,
): Promise<MemoryUse> {
  const { path, revision, adapter } = config.model;
  const { json, source } = await readConfig(path, { revision });
  const shape = parseModelConfig(json, source);
  const given = adapter === null
    ? undefined
    : await readAdapterConfig((await resolveModel(adapter)).folder);
  const served = USES[command];
  // Where vLLM samples, this program keeps no memory for it.
  const sampled = served.sampled && config.engine.kind === "webgpu";
  const use = { ...served, sampled };
  const fitted = await fitPolicy(config, {
    ...use,
    shape,
    adapter: standingAdapter(config, given, { ...use, shape }),
  });
  checkMemory(fitted, config);
  return fitted.memory;
}
