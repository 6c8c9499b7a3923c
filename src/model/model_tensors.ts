import { ModelError } from "../errors.ts";
import { adapterScale } from "./adapter_config.ts";
import { PEFT_PREFIX, untiesEmbeddings } from "./adapter_modules.ts";
import { adaptedMatrices, type AdaptedMatrix } from "./adapter_shapes.ts";
import type { Adapter } from "./load_adapter.ts";
import type { ModelWeights } from "./load_model_weights.ts";
import type { ModelConfig } from "./model_config.ts";
import { parameterShapes } from "./parameter_shapes.ts";
import type { LazyTensor } from "./tensor.ts";

/**
 * A model's parameters, with an adapter merged into them where one is given: W + scale · B·A, and its modules in place of
 * the model's own. Where it parts embedding and head, the head is a parameter too.
 *
 * They are read and merged one at a time, when they are asked for.
 */
export function modelTensors(
  { config, tensors }: ModelWeights,
  adapter?: Adapter,
): readonly LazyTensor[] {
  const merges = adapter ? mergesOf(config, adapter) : new Map<string, Merge>();
  const unties = adapter && untiesEmbeddings(config, adapter.config);
  const tieEmbeddings = config.tieEmbeddings && !unties;
  return [...parameterShapes({ ...config, tieEmbeddings })].map((
    [name, shape],
  ) => ({
    name,
    shape,
    read: async () => {
      const whole = adapter?.tensors.find((tensor) =>
        tensor.name === `${PEFT_PREFIX}${name}`
      );
      if (whole) return whole.data;
      const isEmbedding = name === "lm_head.weight" && config.tieEmbeddings;
      const data = await tensors.read(
        isEmbedding ? "model.embed_tokens.weight" : name,
      );
      merges.get(name)?.(data);
      return data;
    },
  }));
}

type Merge = (weight: Float32Array) => void;

function mergesOf(
  model: ModelConfig,
  { config, tensors }: Adapter,
): ReadonlyMap<string, Merge> {
  const { rank } = config;
  const scale = adapterScale(config);
  const factors = new Map(tensors.map(({ name, data }) => [name, data]));
  return new Map(
    adaptedMatrices(model, config).map((matrix) => {
      const A = factors.get(matrix.A);
      const B = factors.get(matrix.B);
      if (!A || !B) {
        throw new ModelError(`The adapter lacks a factor of ${matrix.weight}`);
      }
      return [
        matrix.weight,
        (weight) => addProduct(weight, { matrix, A, B, rank, scale }),
      ];
    }),
  );
}

/** Adds scale · B·A to a matrix `[out, in]`, each element rounded once. */
function addProduct(
  weight: Float32Array,
  { matrix, A, B, rank, scale }: {
    readonly matrix: AdaptedMatrix;
    readonly A: Float32Array;
    readonly B: Float32Array;
    readonly rank: number;
    readonly scale: number;
  },
): void {
  const columns = matrix.in;
  const sums = new Float64Array(columns);
  for (let row = 0; row < matrix.out; row++) {
    sums.fill(0);
    for (let r = 0; r < rank; r++) {
      const b = B[row * rank + r]! * scale;
      if (b === 0) continue;
      for (let i = 0; i < columns; i++) sums[i]! += b * A[r * columns + i]!;
    }
    const start = row * columns;
    for (let i = 0; i < columns; i++) weight[start + i]! += sums[i]!;
  }
}
