import { adapterOf, algorithmOf, type ServeConfig } from "../config/mod.ts";
import type { PlanWebGpuOptions } from "../engine/mod.ts";
import {
  type AdapterConfig,
  adapterScale,
  type ModelConfig,
} from "../model/mod.ts";

/** What a policy is opened for. */
export interface PolicyUse {
  /** Whether it will be updated. */
  readonly trained: boolean;
  /** Whether it will be sampled from; if not, no memory is kept for that. */
  readonly sampled: boolean;
  /** Whether its adapter will be exchanged: it gets one, where train.method is lora. @default false */
  readonly exchanged?: boolean;
  /** Whether it will be updated from episodes, whose KL term may want the reference. @default false */
  readonly episodes?: boolean;
}

/**
 * Shape of the adapter that stands over the model's own weights, given the one that `config` names, if any. Training goes
 * on with the dropout of `config`, whatever the adapter was trained with before.
 */
export function standingAdapter(
  config: ServeConfig,
  given: AdapterConfig | undefined,
  { trained, exchanged = false }: Pick<PolicyUse, "trained" | "exchanged">,
): AdapterConfig | undefined {
  if (!trained && !exchanged) return given;
  const { method, lora: { dropout } } = config.train;
  if (method !== "lora") return trained ? undefined : given;
  if (given === undefined) return adapterOf(config);
  return trained ? { ...given, dropout } : given;
}

/** How the policy of `config` is opened: everything but numbers. */
export function policyOptions(
  config: ServeConfig,
  { shape, adapter, trained, sampled, episodes = false }: PolicyUse & {
    readonly shape: ModelConfig;
    /** The one that stands over the weights. */
    readonly adapter: AdapterConfig | undefined;
  },
): PlanWebGpuOptions {
  const { model, engine, train } = config;
  return {
    shape,
    trained,
    scored: !sampled,
    dtype: model.dtype,
    seed: config.seed,
    ...(adapter && {
      adapter: {
        lora: {
          rank: adapter.rank,
          scale: adapterScale(adapter),
          targets: adapter.targets,
          dropout: trained ? adapter.dropout ?? 0 : 0,
        },
      },
    }),
    maxNodes: train.max_nodes,
    reference: episodes &&
      (algorithmOf(train.algorithm).kl ?? "none") !== "none",
    ...(sampled
      ? {
        maxBatch: engine.max_batch,
        stepsPerSubmission: engine.steps_per_submission,
        ...(engine.max_context !== null && { maxContext: engine.max_context }),
        ...(engine.cache_tokens !== null &&
          { cacheTokens: engine.cache_tokens }),
      }
      : { maxBatch: 1, maxContext: 2, cacheTokens: 2 }),
  };
}
