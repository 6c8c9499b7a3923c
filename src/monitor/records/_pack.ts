/** The numbers in a blob of float32 values. */
export function unpackFloats(blob: Uint8Array): Float32Array {
  return new Float32Array(blob.slice().buffer);
}

/** The token ids in a blob. */
export function unpackIds(blob: Uint8Array): Uint32Array {
  return new Uint32Array(blob.slice().buffer);
}

/** The signs in a blob. */
export function unpackSigns(blob: Uint8Array): Int8Array {
  return new Int8Array(blob.slice().buffer);
}
