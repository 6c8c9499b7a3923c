/** Number formats a weight can be stored in that are read as float32. */
export type FloatType = "F32" | "F16" | "BF16";

/** A named tensor in host memory, row-major float32. */
export interface HostTensor {
  /** Hugging Face name, such as `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Where a tensor lies in a safetensors file. */
export interface TensorInfo {
  readonly name: string;
  /** The file's name of the number format; only a `FloatType` can be read. */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Path of the file. */
  readonly file: string;
  /** First byte in the file. */
  readonly offset: number;
  readonly byteLength: number;
}

/** Number of elements of a tensor of this shape; 1 for a scalar's empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
