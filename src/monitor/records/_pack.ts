/** The bytes of a typed array as they stand, without a copy. */
export function packed(
  values: Float32Array | Uint32Array | Int8Array,
): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The numbers in a blob that `packed` wrote. */
export function unpackFloats(blob: Uint8Array): Float32Array {
  return new Float32Array(blob.slice().buffer);
}

/** The token ids in a blob that `packed` wrote. */
export function unpackIds(blob: Uint8Array): Uint32Array {
  return new Uint32Array(blob.slice().buffer);
}

/** The signs in a blob that `packed` wrote. */
export function unpackSigns(blob: Uint8Array): Int8Array {
  return new Int8Array(blob.slice().buffer);
}
