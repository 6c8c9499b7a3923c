/** Where a blob is among packed ones: its first byte, and the byte after its last one. */
export type Piece = readonly [from: number, to: number];

/** Packs the bytes of typed arrays into one buffer, which goes to another thread as a whole. */
export class BlobPacker {
  readonly #added: (Float32Array | Uint32Array | Int8Array | Uint8Array)[] = [];
  #size = 0;

  /** Takes the bytes of an array as they will stand when all are packed. */
  add(values: Float32Array | Uint32Array | Int8Array | Uint8Array): Piece {
    const from = this.#size;
    this.#size += values.byteLength;
    this.#added.push(values);
    return [from, this.#size];
  }

  /** All of them, one behind the other. */
  pack(): Uint8Array<ArrayBuffer> {
    const packed = new Uint8Array(this.#size);
    let at = 0;
    for (const { buffer, byteOffset, byteLength } of this.#added) {
      packed.set(new Uint8Array(buffer, byteOffset, byteLength), at);
      at += byteLength;
    }
    return packed;
  }
}
