import { ADAPTER_TARGETS, type AdapterConfig } from "../model/mod.ts";
import type { ServeConfig } from "./schema.ts";

/** The shape of the adapter that a config would train from scratch. */
export function adapterOf({ train }: ServeConfig): AdapterConfig {
  const { rank, alpha, rslora, targets, dropout } = train.lora;
  return {
    rank,
    alpha,
    rslora,
    targets: targets ?? ADAPTER_TARGETS,
    dropout,
  };
}
