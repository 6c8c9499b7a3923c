import { ModelError } from "../errors.ts";
import {
  ADAPTER_MODULES,
  type AdapterConfig,
  type AdapterModule,
} from "./adapter_config.ts";
import type { ModelConfig } from "./model_config.ts";
import { parameterShapes } from "./parameter_shapes.ts";

/** Begins PEFT's name of what the model itself calls by the rest. */
export const PEFT_PREFIX = "base_model.model.";

/** The module whose weight a parameter of the model is; undefined for a projection's. */
export function moduleOf(parameter: string): AdapterModule | undefined {
  const path = parameter.replace(/\.weight$/, "");
  return ADAPTER_MODULES.find((module) =>
    path === module || path.endsWith(`.${module}`)
  );
}

/** Names and shapes of the parameters that an adapter over `model` holds whole, under the model's own names. */
export function moduleShapes(
  model: ModelConfig,
  { modules = [], tied = false }: Pick<AdapterConfig, "modules" | "tied">,
): ReadonlyMap<string, readonly number[]> {
  const tieEmbeddings = model.tieEmbeddings && tied;
  return new Map(
    [...parameterShapes({ ...model, tieEmbeddings })].filter(([name]) =>
      modules.some((module) => module === moduleOf(name))
    ),
  );
}

/**
 * What of `model` its `modules_to_save` are, as PEFT finds them: every module whose path ends with one of the names. So
 * `norm` is each norm there is, and `model.norm` the last one alone.
 *
 * Where the head is the embedding, naming either is naming both, and they stay one table (PEFT's `ensure_weight_tying`).
 *
 * @throws {ModelError} If a name fits nothing that can be trained whole.
 */
export function resolveModules(
  model: ModelConfig,
  names: readonly string[],
): Pick<AdapterConfig, "modules" | "tied"> {
  const found = new Set<AdapterModule>();
  const untied = { ...model, tieEmbeddings: false };
  const all = [...parameterShapes(untied).keys()].filter(moduleOf);
  for (const name of names) {
    const fitting = all.filter((parameter) =>
      parameter.endsWith(`${name}.weight`)
    );
    if (fitting.length === 0) {
      const there = new Set(all.map((parameter) => moduleOf(parameter)!));
      throw new ModelError(
        `The model has no module ${name}, which train.lora.modules_to_save names; it has ${
          [...there].join(", ")
        }`,
      );
    }
    for (const parameter of fitting) found.add(moduleOf(parameter)!);
  }
  if (found.size === 0) return {};
  const ties = model.tieEmbeddings &&
    (found.has("embed_tokens") || found.has("lm_head"));
  if (ties) found.add("embed_tokens").add("lm_head");
  return {
    modules: ADAPTER_MODULES.filter((module) => found.has(module)),
    ...(ties && { tied: true }),
  };
}

/** Whether an adapter over `model` gives it a head apart from the embedding, where the two were one. */
export function untiesEmbeddings(
  model: ModelConfig,
  { modules = [], tied = false }: Pick<AdapterConfig, "modules" | "tied">,
): boolean {
  return model.tieEmbeddings && !tied &&
    (modules.includes("embed_tokens") || modules.includes("lm_head"));
}

/**
 * The model's own values of what an adapter holds whole, under PEFT's names: where such an adapter begins.
 *
 * @param weights The model's parameters, in memory or not; the result shares their numbers.
 */
export function moduleTensors<Tensor extends { readonly name: string }>(
  weights: readonly Tensor[],
  { modules = [], tied = false }: Pick<AdapterConfig, "modules" | "tied">,
): readonly Tensor[] {
  const own = weights.filter(({ name }) =>
    modules.some((module) => module === moduleOf(name))
  );
  const [embedding, head] = ["model.embed_tokens.weight", "lm_head.weight"]
    .map((wanted) => weights.find(({ name }) => name === wanted));
  // A head that parts with the embedding begins as its equal.
  const parts = modules.includes("lm_head") && !head && !tied;
  return [
    ...own,
    ...(parts ? [{ ...embedding!, name: "lm_head.weight" }] : []),
  ].map((tensor) => ({ ...tensor, name: `${PEFT_PREFIX}${tensor.name}` }));
}
