import { ModelError } from "../errors.ts";

/** Largest text file of a model folder that is read (a 256 k token `tokenizer.json` has 33 MB). */
const MAX_TEXT_BYTES = 256 * 1024 * 1024;

/** A JSON object whose fields have not been checked yet. */
export type JsonObject = { readonly [key: string]: unknown };

/** Whether `value` is a JSON object: neither null nor an array. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Whether there is a file or folder at `path`.
 *
 * @throws {ModelError} If that cannot be told.
 */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    if (cause instanceof Deno.errors.NotADirectory) return false;
    throw unreadable(path, cause);
  }
}

/**
 * Text of a file of a model folder, or undefined where the file does not exist.
 *
 * @throws {ModelError} If it cannot be read, is not UTF-8 or is absurdly large.
 */
export async function readTextIfPresent(
  path: string,
): Promise<string | undefined> {
  try {
    const { size, isFile } = await Deno.stat(path);
    if (!isFile) throw new ModelError(`Cannot read ${path}: it is not a file`);
    if (size > MAX_TEXT_BYTES) {
      throw new ModelError(
        `Cannot read ${path}: it has ${size} bytes, more than the ${MAX_TEXT_BYTES} allowed`,
      );
    }
    const bytes = await Deno.readFile(path);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof ModelError) throw cause;
    throw unreadable(path, cause);
  }
}

function unreadable(path: string, cause: unknown): ModelError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ModelError(`Cannot read ${path}: ${reason}`, { cause });
}

/**
 * JSON object in a file of a model folder, or undefined where the file does not exist.
 *
 * @throws {ModelError} If the file cannot be read or does not hold a JSON object.
 */
export async function readJsonIfPresent(
  path: string,
): Promise<JsonObject | undefined> {
  const text = await readTextIfPresent(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ModelError(`${path} is not valid JSON: ${reason}`, { cause });
  }
  if (!isObject(value)) {
    throw new ModelError(`${path} must hold a JSON object`);
  }
  return value;
}

/**
 * JSON object in a file of a model folder.
 *
 * @throws {ModelError} If the file is missing, cannot be read or does not hold a JSON object.
 */
export async function readJson(path: string): Promise<JsonObject> {
  const value = await readJsonIfPresent(path);
  if (value === undefined) {
    throw new ModelError(
      `${path} is missing: a model folder needs config.json, tokenizer.json and model.safetensors`,
    );
  }
  return value;
}

/** A special token's text, which `tokenizer_config.json` writes as a string or as an object. */
export function tokenText(value: unknown): string | undefined {
  if (isObject(value)) return tokenText(value.content);
  return typeof value === "string" ? value : undefined;
}
