import { ModelError } from "../errors.ts";
import { isObject, type JsonObject } from "./_files.ts";
import { elementCount, type TensorInfo } from "./tensor.ts";

/** Largest header, as the format's own library has it. */
export const MAX_HEADER_BYTES = 100_000_000;

/** Bytes an element takes; other formats are refused, since their sizes could not be checked. */
const ELEMENT_BYTES: ReadonlyMap<string, number> = new Map([
  ["F64", 8],
  ["F32", 4],
  ["F16", 2],
  ["BF16", 2],
  ["F8_E4M3", 1],
  ["F8_E5M2", 1],
  ["I64", 8],
  ["U64", 8],
  ["I32", 4],
  ["U32", 4],
  ["I16", 2],
  ["U16", 2],
  ["I8", 1],
  ["U8", 1],
  ["BOOL", 1],
]);

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  readonly metadata: ReadonlyMap<string, string>;
}

/**
 * Parses the JSON header of a safetensors file and checks all that it claims.
 *
 * The tensors must tile the data: none overlaps another, none leaves a gap, and the last ends where
 * the file ends. Each must have as many bytes as its shape and number format need.
 *
 * @param header The header's bytes, after the length.
 * @throws {ModelError} Naming the file and the tensor.
 */
export function parseSafetensorsHeader(
  header: Uint8Array,
  options: { readonly file: string; readonly fileSize: number },
): SafetensorsHeader {
  const { file, fileSize } = options;
  const json = parseJson(header, file);
  const dataStart = 8 + header.length;
  const tensors = new Map<string, TensorInfo>();
  for (const [name, entry] of Object.entries(json)) {
    if (name === "__metadata__") continue;
    tensors.set(name, checkEntry(entry, { file, name, dataStart, fileSize }));
  }
  checkTiling([...tensors.values()], { file, dataStart, fileSize });
  return { tensors, metadata: checkMetadata(json.__metadata__, file) };
}

function parseJson(header: Uint8Array, file: string): JsonObject {
  let text: string;
  let json: unknown;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(header);
    json = JSON.parse(text);
  } catch (cause) {
    throw new ModelError(`${file}: the header is not valid JSON`, { cause });
  }
  if (!isObject(json)) {
    throw new ModelError(`${file}: the header must be a JSON object`);
  }
  // JSON.parse keeps the last of two equal keys; a file that counts on this is lying to someone.
  if (countColons(text) !== countKeys(json)) {
    throw new ModelError(`${file}: the header has duplicate keys`);
  }
  return json;
}

/** Number of colons outside of strings in valid JSON: one for each key that was written. */
function countColons(json: string): number {
  let colons = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const char = json[i];
    if (char === '"') inString = !inString;
    else if (char === "\\") i++;
    else if (char === ":" && !inString) colons++;
  }
  return colons;
}

/** Number of keys in an object and the objects directly in it. */
function countKeys(json: JsonObject): number {
  const values = Object.values(json);
  return values.reduce<number>(
    (sum, value) => sum + (isObject(value) ? Object.keys(value).length : 0),
    values.length,
  );
}

interface EntryContext {
  readonly file: string;
  readonly name: string;
  readonly dataStart: number;
  readonly fileSize: number;
}

function checkEntry(entry: unknown, context: EntryContext): TensorInfo {
  const { file, name, dataStart, fileSize } = context;
  const where = `${file}: tensor ${JSON.stringify(name)}`;
  if (!isObject(entry)) throw new ModelError(`${where} must be an object`);
  const { dtype, shape, data_offsets } = entry;
  const bytes = typeof dtype === "string"
    ? ELEMENT_BYTES.get(dtype)
    : undefined;
  if (typeof dtype !== "string" || bytes === undefined) {
    throw new ModelError(
      `${where}: dtype ${JSON.stringify(dtype)} is not known`,
    );
  }
  if (!isNaturals(shape)) {
    throw new ModelError(`${where}: shape must be a list of natural numbers`);
  }
  if (!isNaturals(data_offsets) || data_offsets.length !== 2) {
    throw new ModelError(`${where}: data_offsets must be two natural numbers`);
  }
  const [begin, end] = data_offsets as [number, number];
  if (begin > end || end > fileSize - dataStart) {
    throw new ModelError(
      `${where}: data_offsets [${begin}, ${end}] lie outside of the file's ${
        fileSize - dataStart
      } data bytes`,
    );
  }
  const byteLength = elementCount(shape) * bytes;
  if (byteLength !== end - begin) {
    throw new ModelError(
      `${where}: shape [${
        shape.join(", ")
      }] of ${dtype} needs ${byteLength} bytes, data_offsets give ${
        end - begin
      }`,
    );
  }
  return { name, dtype, shape, file, offset: dataStart + begin, byteLength };
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) &&
    value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

function checkTiling(
  tensors: readonly TensorInfo[],
  { file, dataStart, fileSize }: Omit<EntryContext, "name">,
): void {
  let end = dataStart;
  const inOrder = tensors.toSorted((a, b) =>
    a.offset - b.offset || a.byteLength - b.byteLength
  );
  for (const { name, offset, byteLength } of inOrder) {
    if (offset !== end) {
      throw new ModelError(
        `${file}: tensor ${JSON.stringify(name)} starts at byte ${offset}, ${
          offset < end ? "inside of" : "not at the end of"
        } the one before it, which ends at byte ${end}`,
      );
    }
    end = offset + byteLength;
  }
  if (end !== fileSize) {
    throw new ModelError(
      `${file} has ${fileSize} bytes, but its tensors end at byte ${end}`,
    );
  }
}

function checkMetadata(
  value: unknown,
  file: string,
): ReadonlyMap<string, string> {
  if (value === undefined) return new Map();
  const entries = isObject(value) ? Object.entries(value) : undefined;
  if (!entries?.every(([, text]) => typeof text === "string")) {
    throw new ModelError(`${file}: __metadata__ must map names to texts`);
  }
  return new Map(entries as [string, string][]);
}
