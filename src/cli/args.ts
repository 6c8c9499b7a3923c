import { parseArgs } from "node:util";
import { didYouMean } from "../did_you_mean.ts";
import { UserError } from "../errors.ts";

/** A flag that a command takes. */
export interface Flag {
  /** What the value stands for, such as `FILE`; a flag without one is a switch. */
  readonly value?: string;
  /** What a value that may follow after `=` stands for, of a switch. */
  readonly optional?: string;
  readonly description: string;
  /** One letter that stands for it. */
  readonly short?: string;
  /** Whether it may be given several times. @default false */
  readonly multiple?: boolean;
}

/** Flags by name, without the two dashes. */
export type Flags = Readonly<Record<string, Flag>>;

/** A mistake on the command line. */
export class UsageError extends UserError {
  override name = "UsageError";
}

/** What a command was given. */
export class Args {
  readonly #values: ReadonlyMap<string, readonly string[]>;
  /** Arguments that are no flags, in order. */
  readonly positionals: readonly string[];

  constructor(
    values: ReadonlyMap<string, readonly string[]>,
    positionals: readonly string[],
  ) {
    this.#values = values;
    this.positionals = positionals;
  }

  /** Whether the flag was given. */
  has(flag: string): boolean {
    return this.#values.has(flag);
  }

  /** The flag's value, the last one if it was given twice; undefined if it was not given. */
  text(flag: string): string | undefined {
    return this.#values.get(flag)?.at(-1);
  }

  /** Every value of a flag that may be given several times. */
  texts(flag: string): readonly string[] {
    return this.#values.get(flag) ?? [];
  }

  /**
   * The flag's value as a whole number of at least 0.
   *
   * @throws {UsageError} If it is none.
   */
  integer(flag: string): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    throw new UsageError(`--${flag} must be a whole number, got "${text}"`);
  }
}

/**
 * Reads a command's arguments; stands where `parseArgs` of `@std/cli` (JSR only) would.
 *
 * @throws {UsageError} On an unknown flag, a missing value, a value where none belongs, or more than
 * `positionals` other arguments.
 */
export function readArgs(
  args: readonly string[],
  flags: Flags,
  positionals: number,
): Args {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { value, short }]) => [name, {
      type: value === undefined ? "boolean" as const : "string" as const,
      ...(short === undefined ? {} : { short }),
    }]),
  );
  const { tokens } = parseArgs({
    args: [...args],
    options,
    strict: false,
    tokens: true,
  });
  const values = new Map<string, string[]>();
  const others: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") others.push(token.value);
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    checkFlag(flags, name, rawName, value);
    values.set(name, [...values.get(name) ?? [], value ?? ""]);
  }
  const extra = others[positionals];
  if (extra !== undefined) {
    throw new UsageError(`Unexpected argument "${extra}"`);
  }
  return new Args(values, others);
}

function checkFlag(
  flags: Flags,
  name: string,
  rawName: string,
  value: string | undefined,
): void {
  const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (flag === undefined) {
    const known = [...Object.keys(flags), "help"].map((flag) => `--${flag}`);
    throw new UsageError(
      `Unknown flag ${rawName}${didYouMean(rawName, known)}`,
    );
  }
  if (flag.value === undefined && !flag.optional && value !== undefined) {
    throw new UsageError(`${rawName} takes no value, got "${value}"`);
  }
  if (flag.value !== undefined && (!value || value.startsWith("--"))) {
    throw new UsageError(`${rawName} needs a value: ${rawName} ${flag.value}`);
  }
}
