import { ModelError } from "../errors.ts";
import { allFinite, decodeFloats, isFloatType } from "./_float_types.ts";
import type { TensorInfo } from "./tensor.ts";

/**
 * The float32 values of `bytes`, which lie in the tensor `info`.
 *
 * @throws {ModelError} If its number format is not F32, F16 or BF16, or one is NaN or infinite.
 */
export function decodeTensor(
  bytes: Uint8Array,
  { name, dtype, file }: TensorInfo,
): Float32Array {
  if (!isFloatType(dtype)) {
    throw new ModelError(
      `${file}: tensor ${JSON.stringify(name)} is of type ${dtype}; ` +
        `only F32, F16 and BF16 are supported`,
    );
  }
  const values = decodeFloats(bytes, dtype);
  if (!allFinite(values)) {
    throw new ModelError(
      `${file}: tensor ${JSON.stringify(name)} holds NaN or infinity`,
    );
  }
  return values;
}
