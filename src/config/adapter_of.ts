import {
  ADAPTER_TARGETS,
  type AdapterConfig,
  type ModelConfig,
  resolveModules,
} from "../model/mod.ts";
import type { ServeConfig } from "./schema.ts";

/**
 * The shape of the adapter that a config would train from scratch over `model`.
 *
 * @throws {ModelError} If the model has none of a module that the config names.
 */
export function adapterOf(
  { train }: ServeConfig,
  model: ModelConfig,
): AdapterConfig {
  const { rank, alpha, rslora, targets, dropout, modules_to_save } = train.lora;
  return {
    rank,
    alpha,
    rslora,
    targets: targets ?? ADAPTER_TARGETS,
    dropout,
    ...resolveModules(model, modules_to_save ?? []),
  };
}
