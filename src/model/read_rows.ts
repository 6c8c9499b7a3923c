import { decodeTensor } from "./_decode_tensor.ts";
import { readRangeSync } from "./_read_range.ts";
import { elementCount, type TensorInfo } from "./tensor.ts";

/**
 * Reads the rows `first` … `end` − 1 of a tensor in a file as float32, `[rows, columns]`; a vector is one row.
 *
 * It blocks the thread: for one that does nothing else.
 *
 * @throws {ModelError} If the number format is not F32, F16 or BF16, a value is NaN or infinite, or the file has changed.
 */
export function readRows(
  info: TensorInfo,
  first: number,
  end: number,
): Float32Array {
  const { file, shape, offset, byteLength } = info;
  const row = byteLength / elementCount(shape) * shape.at(-1)!;
  const bytes = readRangeSync({
    file,
    offset: offset + first * row,
    byteLength: (end - first) * row,
  });
  const values = decodeTensor(bytes, info);
  // Freed at once: the collector would let gigabytes of these pile up.
  if (values.buffer !== bytes.buffer) bytes.buffer.transfer(0);
  return values;
}
