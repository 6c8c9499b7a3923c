import type { ServeConfig } from "../config/mod.ts";
import { planWebGpu, type PlanWebGpuOptions } from "../engine/mod.ts";
import { DeviceError } from "../errors.ts";
import { systemMemory } from "../gpu/mod.ts";
import {
  type AdapterConfig,
  adapterShapes,
  elementCount,
  type ModelConfig,
  parameterShapes,
} from "../model/mod.ts";
import { describeMemory, type MemoryUse } from "../monitor/mod.ts";
import { policyOptions, type PolicyUse } from "./_policy_options.ts";

/** How a policy is opened, and the memory that it takes so. */
export interface FittedPolicy {
  readonly options: PlanWebGpuOptions;
  readonly memory: MemoryUse;
}

/**
 * Decides whether activations are kept, and counts what opening the policy will take of the memory there is.
 *
 * WebGPU does not say how much memory a GPU has, only how large one buffer may be; a software adapter's is the system's.
 *
 * @throws {DeviceError} If there is no GPU, or a single buffer exceeds what it binds.
 */
export async function fitPolicy(
  config: ServeConfig,
  use: PolicyUse & {
    readonly shape: ModelConfig;
    /** The one that stands over the weights. */
    readonly adapter: AdapterConfig | undefined;
  },
): Promise<FittedPolicy> {
  const { recompute } = config.train;
  const given = policyOptions(config, use);
  const fitted = async (recompute: boolean) => {
    const options = { ...given, recompute };
    return { options, memory: await memoryOf(options, { config, ...use }) };
  };
  const first = await fitted(recompute === "always");
  if (!use.trained || recompute !== "auto" || fits(first.memory)) return first;
  return await fitted(true);
}

async function memoryOf(
  options: PlanWebGpuOptions,
  { config, shape, adapter: over }: {
    readonly config: ServeConfig;
    readonly shape: ModelConfig;
    readonly adapter: AdapterConfig | undefined;
  },
): Promise<MemoryUse> {
  const { adapter, software, items } = await planWebGpu(options);
  const bytes = (shapes: ReadonlyMap<string, readonly number[]>) =>
    shapes.values().reduce((sum, sizes) => sum + 4 * elementCount(sizes), 0);
  return {
    device: adapter,
    gpu: Object.fromEntries(items),
    host: {
      "weights as they are read": config.model.adapter !== null &&
          over === undefined
        ? bytes(parameterShapes(shape)) // merged into them
        : Math.min(bytes(parameterShapes(shape)), READING_BYTES),
      ...(over && config.model.adapter !== null &&
        { "adapter as it is read": bytes(adapterShapes(shape, over)) }),
    },
    shared: software,
    available: systemMemory(),
  };
}

/** Weights are read a few rows at a time, and wait for the GPU to take them: measured, rounded up. */
const READING_BYTES = 128 * 2 ** 20;

function fits({ gpu, host, shared, available }: MemoryUse): boolean {
  const sum = (items: Readonly<Record<string, number>>) =>
    Object.values(items).reduce((total, bytes) => total + bytes, 0);
  return sum(host) + (shared ? sum(gpu) : 0) <= available;
}

/**
 * Refuses what the memory there is cannot hold.
 *
 * @throws {DeviceError} With what is needed by item, and what to change to need less of it.
 */
export function checkMemory(
  { memory, options }: FittedPolicy,
  config: ServeConfig,
): void {
  if (fits(memory)) return;
  const remedies = (memory.shared ? Object.entries(memory.gpu) : [])
    .sort(([, a], [, b]) => b - a)
    .flatMap(([item]) => remediesOf(item, config, options));
  throw new DeviceError([
    "The memory of this machine cannot hold the run",
    ...describeMemory(memory).map((line) => `  ${line}`),
    remedies.length === 0
      ? "Take a smaller model, or a machine with more memory"
      : `To need less, by what it saves: ${[...new Set(remedies)].join("; ")}`,
  ].join("\n"));
}

/** What to change so that an item takes less. */
function remediesOf(
  item: string,
  { model, engine, train }: ServeConfig,
  { trained, recompute }: PlanWebGpuOptions,
): readonly string[] {
  const full = trained && train.method === "full";
  const lora = "set train.method to lora";
  const { modules_to_save: modules } = train.lora;
  switch (item) {
    case "weights":
      if (full) return [lora];
      return model.dtype === "f32" ? ["set model.dtype to bf16"] : [];
    case "gradients":
    case "optimizer":
      return full ? [lora] : [
        `lower train.lora.rank (${train.lora.rank})`,
        ...modules?.length
          ? [`shorten train.lora.modules_to_save (${modules.join(", ")})`]
          : [],
      ];
    case "reference":
      return [full ? lora : "set train.algorithm.kl to none"];
    case "activations":
      return [
        `lower train.max_nodes (${train.max_nodes})`,
        ...trained && !recompute ? ["set train.recompute to always"] : [],
      ];
    case "adapters at rest":
      return [`lower train.lora.rank (${train.lora.rank})`];
    case "loss head":
      return [`lower train.max_nodes (${train.max_nodes})`];
    case "KV cache":
      return [
        `lower engine.cache_tokens${
          engine.cache_tokens === null ? "" : ` (${engine.cache_tokens})`
        }`,
      ];
    case "decoding":
      return [`lower engine.max_batch (${engine.max_batch})`];
    default:
      return [];
  }
}
