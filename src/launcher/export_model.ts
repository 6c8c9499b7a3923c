import {
  type FloatType,
  loadAdapter,
  loadModelWeights,
  modelTensors,
  saveModelFolder,
  untiesEmbeddings,
} from "../model/mod.ts";
import { explainWrite } from "../monitor/mod.ts";

/** What is written, and how. */
export interface ExportModelOptions {
  /** Model folder in Hugging Face layout. */
  readonly model: string;
  /** Folder of an adapter to merge into its weights. @default none */
  readonly adapter?: string | undefined;
  /** Folder to write. */
  readonly out: string;
  /** Number format of the weights. @default that of the model's own */
  readonly dtype?: FloatType | undefined;
  /** Most bytes of weights in a file. @default 5e9 */
  readonly maxShardBytes?: number | undefined;
}

/** What was written. */
export interface ExportedModel {
  readonly out: string;
  readonly dtype: FloatType;
  /** Weights in all. */
  readonly parameters: number;
}

/**
 * Writes a model anew: an adapter merged into its weights, in another number format, in files of another size.
 * One tensor at a time is in memory.
 *
 * @throws {ModelError} If model or adapter cannot be used, or a weight is too large for the format.
 */
export async function exportModel(
  { model, adapter, out, dtype, maxShardBytes }: ExportModelOptions,
): Promise<ExportedModel> {
  const weights = await loadModelWeights(model);
  const merged = adapter === undefined
    ? undefined
    : await loadAdapter(adapter, weights.config);
  const tensors = modelTensors(weights, merged);
  const untied = merged !== undefined &&
    untiesEmbeddings(weights.config, merged.config);
  // `loadModelWeights` does not say so of tensors that are never read, but a model's are all floats.
  const own = weights.tensors.tensors.get(tensors[0]!.name)!.dtype;
  const written = dtype ?? own as FloatType;
  await explainWrite(out, () =>
    saveModelFolder(out, {
      source: model,
      tensors,
      dtype: written,
      untied,
      ...(maxShardBytes !== undefined && { maxShardBytes }),
    }));
  return {
    out,
    dtype: written,
    parameters: tensors.reduce(
      (sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1),
      0,
    ),
  };
}
