import type { AdapterConfig } from "./adapter_config.ts";
import type { ModelConfig } from "./model_config.ts";
import { parameterShapes } from "./parameter_shapes.ts";

/** One adapted matrix of a model and the names of its two factors. */
export interface AdaptedMatrix {
  /** The model's own tensor, `[out, in]`. */
  readonly weight: string;
  /** `[rank, in]`, under PEFT's name. */
  readonly A: string;
  /** `[out, rank]`, under PEFT's name. */
  readonly B: string;
  /** Rows of the matrix. */
  readonly out: number;
  /** Its columns. */
  readonly in: number;
}

/** The matrices that an adapter adapts, in the order of the model's parameters. */
export function adaptedMatrices(
  model: ModelConfig,
  { targets }: Pick<AdapterConfig, "targets">,
): readonly AdaptedMatrix[] {
  const adapted: AdaptedMatrix[] = [];
  for (const [weight, shape] of parameterShapes(model)) {
    const module = /^(model\.layers\..*\.(\w+))\.weight$/.exec(weight);
    if (!targets.some((target) => target === module?.[2])) continue;
    const prefix = `base_model.model.${module![1]}`;
    adapted.push({
      weight,
      A: `${prefix}.lora_A.weight`,
      B: `${prefix}.lora_B.weight`,
      out: shape[0]!,
      in: shape[1]!,
    });
  }
  return adapted;
}

/** Names and shapes of an adapter's tensors, as PEFT writes them. */
export function adapterShapes(
  model: ModelConfig,
  config: Pick<AdapterConfig, "rank" | "targets">,
): ReadonlyMap<string, readonly number[]> {
  const { rank } = config;
  return new Map(
    adaptedMatrices(model, config).flatMap((matrix) => [
      [matrix.A, [rank, matrix.in]],
      [matrix.B, [matrix.out, rank]],
    ]),
  );
}
