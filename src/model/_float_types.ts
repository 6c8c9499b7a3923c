import type { FloatType } from "./tensor.ts";

/** Bytes of an element in each number format. */
export const FLOAT_BYTES: Readonly<Record<FloatType, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
};

/** Whether `dtype` is a number format that is read as float32. */
export function isFloatType(dtype: string): dtype is FloatType {
  return Object.hasOwn(FLOAT_BYTES, dtype);
}

/** Float32 values of little-endian `bytes`; an F32 array shares their memory. */
export function decodeFloats(
  bytes: Uint8Array,
  dtype: FloatType,
): Float32Array {
  switch (dtype) {
    case "F32":
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    case "F16":
      return new Float32Array(
        new Float16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2),
      );
    case "BF16": {
      const halves = new Uint16Array(
        bytes.buffer,
        bytes.byteOffset,
        bytes.length / 2,
      );
      const words = new Uint32Array(halves.length);
      for (let i = 0; i < halves.length; i++) words[i] = halves[i]! << 16;
      return new Float32Array(words.buffer);
    }
    default:
      return dtype satisfies never;
  }
}

/** Little-endian bytes of `values`, rounded to the nearest even; F32 shares their memory. */
export function encodeFloats(
  values: Float32Array,
  dtype: FloatType,
): Uint8Array {
  switch (dtype) {
    case "F32":
      return bytesOf(values);
    case "F16":
      return bytesOf(new Float16Array(values));
    case "BF16": {
      const words = new Uint32Array(
        values.buffer,
        values.byteOffset,
        values.length,
      );
      const halves = new Uint16Array(words.length);
      for (let i = 0; i < words.length; i++) {
        const word = words[i]!;
        halves[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      }
      return bytesOf(halves);
    }
    default:
      return dtype satisfies never;
  }
}

/** Whether no value is NaN or infinite. */
export function allFinite(values: Float32Array): boolean {
  // A finite number times zero is zero, any other is NaN: one sum, no branch in the loop.
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}

function bytesOf(array: Float32Array | Float16Array | Uint16Array): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
