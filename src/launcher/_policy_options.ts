import { adapterOf, algorithmOf, type ServeConfig } from "../config/mod.ts";
import type { PlanWebGpuOptions } from "../engine/mod.ts";
import { ModelError } from "../errors.ts";
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
  /** Whether its agents act: those of train.lora.agents have adapters of their own then. @default false */
  readonly acted?: boolean;
  /** Whether it will be updated from episodes, whose KL term may want the reference. @default false */
  readonly episodes?: boolean;
}

/**
 * Shape of the adapter that stands over the model's own weights, given the one that `config` names, if any. Training goes
 * on with the dropout of `config`, whatever the adapter was trained with before.
 *
 * @throws {ModelError} If the model has none of a module that the config names, or the adapter that is trained on holds
 *   other ones.
 */
export function standingAdapter(
  config: ServeConfig,
  given: AdapterConfig | undefined,
  { trained, exchanged = false, shape }:
    & Pick<PolicyUse, "trained" | "exchanged">
    & { readonly shape: ModelConfig },
): AdapterConfig | undefined {
  if (!trained && !exchanged) return given;
  const { method, lora: { dropout, modules_to_save: names } } = config.train;
  if (method !== "lora") return trained ? undefined : given;
  if (given === undefined) return adapterOf(config, shape);
  if (!trained) return given;
  const [has, wanted] = [given, adapterOf(config, shape)].map(moduleText);
  if (names !== null && has !== wanted) {
    throw new ModelError(
      `The adapter ${config.model.adapter} holds ${has} whole, and train.lora.modules_to_save asks for ${wanted}: leave that out, or begin without the adapter`,
    );
  }
  return { ...given, dropout };
}

function moduleText({ modules = [], tied }: AdapterConfig): string {
  if (modules.length === 0) return "nothing";
  return `${modules.join(", ")}${tied ? " (as one table)" : ""}`;
}

/** How the policy of `config` is opened: everything but numbers. */
export function policyOptions(
  config: ServeConfig,
  { shape, adapter, trained, sampled, acted = false, episodes = false }:
    & PolicyUse
    & {
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
          ...(adapter.modules && { modules: adapter.modules }),
          ...(adapter.tied && { tied: true }),
        },
        others: acted ? train.lora.agents : [],
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
