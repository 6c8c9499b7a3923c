import { ModelError } from "../errors.ts";
import { decodeTensor } from "./_decode_tensor.ts";
import { readRange } from "./_read_range.ts";
import type { SafetensorsHeader } from "./_safetensors_header.ts";
import type { TensorInfo } from "./tensor.ts";

/** The tensors of one or several safetensors files; data are read only when asked for. */
export class TensorStore {
  /** Where each tensor lies, by its name. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The files' `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;

  /** Makes a store of what checked headers say. */
  constructor(header: SafetensorsHeader) {
    this.tensors = header.tensors;
    this.metadata = header.metadata;
  }

  /**
   * Reads one tensor as float32, row-major.
   *
   * @throws {ModelError} If there is no such tensor, its number format is not F32, F16 or BF16, it
   *   holds NaN or infinity, or the file has changed.
   */
  async read(name: string): Promise<Float32Array> {
    const info = this.tensors.get(name);
    if (info === undefined) {
      throw new ModelError(`Tensor ${JSON.stringify(name)} is missing`);
    }
    return decodeTensor(await readRange(info), info);
  }
}
