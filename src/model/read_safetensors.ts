import { ModelError } from "../errors.ts";
import { readRange } from "./_read_range.ts";
import {
  MAX_HEADER_BYTES,
  parseSafetensorsHeader,
} from "./_safetensors_header.ts";
import { TensorStore } from "./tensor_store.ts";

/**
 * Opens a safetensors file: its header is read and checked now, the tensors when asked for.
 *
 * @throws {ModelError} If the file cannot be read or its header claims what is not so.
 */
export async function readSafetensors(path: string): Promise<TensorStore> {
  const fileSize = await sizeOf(path);
  if (fileSize < 8) {
    throw new ModelError(`${path} is too short to be a safetensors file`);
  }
  const length = await readRange({ file: path, offset: 0, byteLength: 8 });
  const headerSize = new DataView(length.buffer).getBigUint64(0, true);
  if (headerSize > MAX_HEADER_BYTES || headerSize > fileSize - 8) {
    throw new ModelError(
      `${path} is not a safetensors file: its header would have ${headerSize} bytes`,
    );
  }
  const header = await readRange({
    file: path,
    offset: 8,
    byteLength: Number(headerSize),
  });
  return new TensorStore(
    parseSafetensorsHeader(header, { file: path, fileSize }),
  );
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await Deno.stat(path)).size;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelError(`Cannot read ${path}: ${reason}`, { cause });
  }
}
