import golden from "../golden/model/weights.json" with { type: "json" };
import type { FloatType, JsonObject } from "../../src/model/mod.ts";

/** A tensor in a golden file. */
export interface GoldenTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Float32 values before they were stored. */
  readonly given: readonly number[];
  /** The values as the file has them. */
  readonly stored: readonly number[];
}

/** A file written by the `safetensors` library. */
export interface GoldenFile {
  readonly dtype: FloatType;
  readonly bytes: Uint8Array;
  readonly tensors: readonly GoldenTensor[];
}

/** A model as `transformers` saves it. */
export interface GoldenModel {
  readonly name: string;
  readonly config: JsonObject;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  /** YaRN's factor on cosines and sines. */
  readonly attentionFactor: number;
}

/** Models of `weights.json`, made by `tests/golden/model/make_weights.py`. */
export const GOLDEN_MODELS = golden.models as unknown as readonly GoldenModel[];

/** Files of `weights.json`, made by `tests/golden/model/make_weights.py`. */
export const GOLDEN_FILES: readonly GoldenFile[] = golden.files.map(
  ({ dtype, file, tensors }) => ({
    dtype: dtype as FloatType,
    bytes: Uint8Array.fromBase64(file),
    tensors,
  }),
);
