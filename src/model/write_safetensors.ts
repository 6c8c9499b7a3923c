import { ModelError } from "../errors.ts";
import {
  allFinite,
  decodeFloats,
  encodeFloats,
  FLOAT_BYTES,
} from "./_float_types.ts";
import { replaceFile, writeAll } from "./_replace_file.ts";
import {
  elementCount,
  type FloatType,
  type HostTensor,
  type LazyTensor,
} from "./tensor.ts";

/** How tensors are stored. */
export interface WriteSafetensorsOptions {
  /** Number format of all tensors, rounded to nearest. @default "F32" */
  readonly dtype?: FloatType;
  /** The file's `__metadata__`. @default { format: "pt" } */
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a safetensors file, tensors in order of their names; `path` never holds half of it.
 *
 * Of lazy tensors one at a time is in memory.
 *
 * @throws {ModelError} If a tensor holds a value that is not finite, or not in `dtype`.
 * @throws {RangeError} If two tensors share a name, or a shape does not match its data.
 */
export async function writeSafetensors(
  path: string,
  tensors: readonly (HostTensor | LazyTensor)[],
  options: WriteSafetensorsOptions = {},
): Promise<void> {
  const { dtype = "F32", metadata = { format: "pt" } } = options;
  const sorted = tensors.toSorted((a, b) => a.name < b.name ? -1 : 1);
  const header = buildHeader(sorted, { dtype, metadata });
  await replaceFile(path, async (file) => {
    await writeAll(file, header);
    for (const tensor of sorted) {
      const data = "data" in tensor ? tensor.data : await tensor.read();
      const { name, shape } = tensor;
      if (elementCount(shape) !== data.length) {
        throw new RangeError(
          `Tensor ${name} has shape [${shape}] and ${data.length} values`,
        );
      }
      const bytes = encodeFloats(data, dtype);
      if (!allFinite(data) || !allFinite(decodeFloats(bytes, dtype))) {
        throw new ModelError(
          `Cannot save tensor ${
            JSON.stringify(name)
          } as ${dtype}: it holds NaN, infinity or a value too large`,
        );
      }
      await writeAll(file, bytes);
    }
  });
}

function buildHeader(
  tensors: readonly (HostTensor | LazyTensor)[],
  { dtype, metadata }: Required<WriteSafetensorsOptions>,
): Uint8Array {
  const entries: [string, unknown][] = [["__metadata__", metadata]];
  const names = new Set<string>(["__metadata__"]);
  let end = 0;
  for (const { name, shape } of tensors) {
    if (names.has(name)) throw new RangeError(`Two tensors are named ${name}`);
    names.add(name);
    const begin = end;
    end += elementCount(shape) * FLOAT_BYTES[dtype];
    entries.push([name, { dtype, shape, data_offsets: [begin, end] }]);
  }
  const json = new TextEncoder().encode(
    JSON.stringify(Object.fromEntries(entries)),
  );
  // The format pads the header with spaces, so that tensors lie at multiples of 8.
  const size = Math.ceil(json.length / 8) * 8;
  const header = new Uint8Array(8 + size).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(size), true);
  header.set(json, 8);
  return header;
}
