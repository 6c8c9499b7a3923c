import type { AdapterConfig } from "./adapter_config.ts";
import { moduleShapes, PEFT_PREFIX } from "./adapter_modules.ts";
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
    const prefix = `${PEFT_PREFIX}${module![1]}`;
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

/** Names and shapes of an adapter's tensors, as PEFT writes them; embedding and head that stay one table are one. */
export function adapterShapes(
  model: ModelConfig,
  config: Pick<AdapterConfig, "rank" | "targets" | "modules" | "tied">,
): ReadonlyMap<string, readonly number[]> {
  const { rank } = config;
  const factors = adaptedMatrices(model, config).flatMap((matrix) =>
    [
      [matrix.A, [rank, matrix.in]],
      [matrix.B, [matrix.out, rank]],
    ] as const
  );
  const whole = [...moduleShapes(model, config)].map(([name, shape]) =>
    [`${PEFT_PREFIX}${name}`, shape] as const
  );
  return new Map<string, readonly number[]>([...factors, ...whole]);
}
