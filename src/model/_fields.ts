import { ModelError } from "../errors.ts";
import { isObject, type JsonObject } from "./_files.ts";

/** Reads fields of a JSON object, each checked; errors name the file and the field. */
export class Fields {
  readonly #json: JsonObject;
  readonly #where: string;

  /** @param where How error messages begin, such as `model/config.json:`. */
  constructor(json: JsonObject, where: string) {
    this.#json = json;
    this.#where = where;
  }

  /** Whether the field is there and not null. */
  has(name: string): boolean {
    return this.#json[name] !== undefined && this.#json[name] !== null;
  }

  /** Whether the field is there and null, which can mean something else than its absence. */
  isNull(name: string): boolean {
    return this.#json[name] === null;
  }

  /** Refuses every field of another name that has a value: what it could mean is not supported. */
  onlyNames(known: readonly string[]): void {
    const stranger = Object.keys(this.#json).find((name) =>
      this.has(name) && !known.includes(name)
    );
    if (stranger !== undefined) this.refuse(stranger, "is not supported");
  }

  /** A positive integer, at most 2^31. */
  size(name: string, fallback?: number): number {
    const value = this.count(name, fallback);
    if (value === 0) this.refuse(name, "must be a positive integer");
    return value;
  }

  /** A positive multiple of 4: the kernels read a row four numbers at a time. */
  width(name: string, fallback?: number): number {
    const value = this.size(name, fallback);
    if (value % 4 !== 0) this.refuse(name, "must be a multiple of 4");
    return value;
  }

  /** A natural number, zero included, at most 2^31. */
  count(name: string, fallback?: number): number {
    const value = this.#value(name, fallback);
    if (!isCount(value)) this.refuse(name, "must be a positive integer");
    return value;
  }

  /** A positive finite number. */
  positive(name: string, fallback?: number): number {
    const value = this.#value(name, fallback);
    if (typeof value !== "number" || !(value > 0 && value < Infinity)) {
      this.refuse(name, "must be a positive number");
    }
    return value;
  }

  /** True or false. */
  flag(name: string, fallback: boolean): boolean {
    const value = this.#value(name, fallback);
    if (typeof value !== "boolean") this.refuse(name, "must be true or false");
    return value;
  }

  /** A text. */
  text(name: string, fallback?: string): string {
    const value = this.#value(name, fallback);
    if (typeof value !== "string") this.refuse(name, "must be a text");
    return value;
  }

  /** An object with fields of its own; undefined where it is missing or null. */
  object(name: string): Fields | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#json[name];
    if (!isObject(value)) this.refuse(name, "must be an object");
    return new Fields(value, `${this.#where} ${name}:`);
  }

  /** A list of texts; undefined where it is missing or null. */
  texts(name: string): readonly string[] | undefined {
    if (!this.has(name)) return undefined;
    const value = this.#json[name];
    if (!isTexts(value)) this.refuse(name, "must be a list of texts");
    return value;
  }

  /** Refuses any value but `allowed`, or none at all: what else it could mean is not supported. */
  only(name: string, allowed: unknown): void {
    if (this.has(name) && this.#json[name] !== allowed) {
      this.refuse(name, `is only supported as ${JSON.stringify(allowed)}`);
    }
  }

  /** @throws {ModelError} Always. */
  refuse(name: string, reason: string): never {
    const got = this.has(name)
      ? `, got ${JSON.stringify(this.#json[name])}`
      : "";
    throw new ModelError(`${this.#where} ${name} ${reason}${got}`);
  }

  #value(name: string, fallback: unknown): unknown {
    if (this.has(name)) return this.#json[name];
    if (fallback === undefined) {
      throw new ModelError(`${this.#where} ${name} is missing`);
    }
    return fallback;
  }
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && value as number >= 0 &&
    value as number <= 2 ** 31;
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) &&
    value.every((item) => typeof item === "string");
}
