/** Number formats a weight can be stored in that are read as float32. */
export type FloatType = "F32" | "F16" | "BF16";

/** A named tensor in host memory, row-major float32. */
export interface HostTensor {
  /** Hugging Face name, such as `model.layers.0.mlp.up_proj.weight`. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Values, as many as the shape's product. */
  readonly data: Float32Array;
}

/** A tensor whose values are made when they are asked for, so that a model need not fit in memory. */
export interface LazyTensor {
  /** Hugging Face name. */
  readonly name: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Its values, as many as the shape's product; the caller may change them. */
  readonly read: () => Promise<Float32Array>;
}

/** Where a tensor lies in a safetensors file. */
export interface TensorInfo {
  /** Name within its model. */
  readonly name: string;
  /** The file's name of the number format; only a `FloatType` can be read. */
  readonly dtype: string;
  /** Sizes, outermost first. */
  readonly shape: readonly number[];
  /** Path of the file. */
  readonly file: string;
  /** First byte in the file. */
  readonly offset: number;
  /** Bytes in the file, from `offset` on. */
  readonly byteLength: number;
}

/** Number of elements of a tensor of this shape; 1 for a scalar's empty shape. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
