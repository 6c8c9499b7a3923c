import type { ServeConfig } from "../config/mod.ts";
import { planWebGpu, type PlanWebGpuOptions } from "../engine/mod.ts";
import { DeviceError } from "../errors.ts";
import { systemMemory } from "../gpu/mod.ts";
import {
  elementCount,
  type ModelConfig,
  parameterShapes,
} from "../model/mod.ts";
import { describeMemory, type MemoryUse } from "../monitor/mod.ts";

/**
 * Counts what opening the policy will take of the memory there is.
 *
 * WebGPU does not say how much memory a GPU has, only how large one buffer may be; a software adapter's is the system's, in
 * which the weights also stand while they are read.
 *
 * @throws {DeviceError} If there is no GPU, or a single buffer exceeds what it binds.
 */
export async function runMemory(
  options: PlanWebGpuOptions & { readonly shape: ModelConfig },
): Promise<MemoryUse> {
  const { adapter, software, items } = await planWebGpu(options);
  const read = [...parameterShapes(options.shape).values()]
    .reduce((sum, shape) => sum + 4 * elementCount(shape), 0);
  return {
    device: adapter,
    gpu: Object.fromEntries(items),
    host: { "weights as they are read": read },
    shared: software,
    available: systemMemory(),
  };
}

/**
 * Refuses what the memory there is cannot hold.
 *
 * @throws {DeviceError} With what is needed by item, and what to change to need less of it.
 */
export function checkMemory(
  memory: MemoryUse,
  config: ServeConfig,
  trained: boolean,
): void {
  const { gpu, host, shared, available } = memory;
  const sum = (items: Readonly<Record<string, number>>) =>
    Object.values(items).reduce((total, bytes) => total + bytes, 0);
  if (sum(host) + (shared ? sum(gpu) : 0) <= available) return;
  const remedies = (shared ? Object.entries(gpu) : [])
    .sort(([, a], [, b]) => b - a)
    .flatMap(([item]) => remedy(item, config, trained) ?? []);
  throw new DeviceError([
    "The memory of this machine cannot hold the run",
    ...describeMemory(memory).map((line) => `  ${line}`),
    remedies.length === 0
      ? "Take a smaller model, or a machine with more memory"
      : `To need less, by what it saves: ${[...new Set(remedies)].join("; ")}`,
  ].join("\n"));
}

/** What to change so that an item takes less; undefined where nothing helps. */
function remedy(
  item: string,
  { model, engine, train }: ServeConfig,
  trained: boolean,
): string | undefined {
  const full = trained && train.method === "full";
  const lora = "set train.method to lora";
  switch (item) {
    case "weights":
      if (full) return lora;
      return model.dtype === "f32" ? "set model.dtype to bf16" : undefined;
    case "gradients":
    case "optimizer":
      return full ? lora : `lower train.lora.rank (${train.lora.rank})`;
    case "reference":
      return full ? lora : "set train.algorithm.kl to none";
    case "activations":
    case "loss head":
      return `lower train.max_nodes (${train.max_nodes})`;
    case "KV cache":
      return `lower engine.cache_tokens${
        engine.cache_tokens === null ? "" : ` (${engine.cache_tokens})`
      }`;
    case "decoding":
      return `lower engine.max_batch (${engine.max_batch})`;
    default:
      return undefined;
  }
}
