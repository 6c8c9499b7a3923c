import type { WeightType } from "../gpu/mod.ts";

/** Bytes of an element. */
export function bytesOf(dtype: WeightType): number {
  return dtype === "f32" ? 4 : 2;
}

/** Rounds float32 to `dtype`, to nearest, ties to even; the result's bytes are the elements'. */
export function pack(
  values: Float32Array,
  dtype: WeightType,
): Float32Array | Uint16Array {
  switch (dtype) {
    case "f32":
      return values;
    case "f16":
      return new Uint16Array(new Float16Array(values).buffer);
    case "bf16": {
      const bits = new Uint32Array(
        values.buffer,
        values.byteOffset,
        values.length,
      );
      // A loop, since a callback for each element takes fifty times as long.
      const halves = new Uint16Array(bits.length);
      for (let i = 0; i < bits.length; i++) {
        const bit = bits[i]!;
        halves[i] = (bit + 0x7fff + ((bit >>> 16) & 1)) >>> 16;
      }
      return halves;
    }
    default:
      return dtype satisfies never;
  }
}

/** The float32 values of packed elements. */
export function unpack(bytes: ArrayBuffer, dtype: WeightType): Float32Array {
  switch (dtype) {
    case "f32":
      return new Float32Array(bytes);
    case "f16":
      return new Float32Array(new Float16Array(bytes));
    case "bf16": {
      const halves = new Uint16Array(bytes);
      const bits = new Uint32Array(halves.length);
      for (let i = 0; i < bits.length; i++) bits[i] = halves[i]! << 16;
      return new Float32Array(bits.buffer);
    }
    default:
      return dtype satisfies never;
  }
}
