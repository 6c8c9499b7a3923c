import { UserError } from "../errors.ts";
import type { FloatType } from "../model/mod.ts";
import { type Args, UsageError } from "./args.ts";
import { neededFlag } from "./read_offline_config.ts";

/** Any of these makes a folder a model's or an adapter's, which may be replaced by another. */
const REPLACEABLE = ["config.json", "adapter_config.json"];

/**
 * The folder of `--out`, which a command fills at its end.
 *
 * @throws {UserError} If something else is there, that would be lost, or nothing can be written there.
 */
export async function outputFolder(args: Args): Promise<string> {
  const out = neededFlag(args, "out");
  try {
    const names: string[] = [];
    for await (const { name } of Deno.readDir(out)) names.push(name);
    if (
      names.length > 0 && !names.some((name) => REPLACEABLE.includes(name))
    ) {
      throw new UserError(
        `--out ${out}: the folder holds other things than a model; name a new one`,
      );
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) {
      throw new UserError(`--out ${out}: this is a file; name a folder`);
    }
    if (!(error instanceof Deno.errors.NotFound)) {
      if (error instanceof UserError) throw error;
      throw unusable(out, error);
    }
  }
  await checkWritable(out);
  return out;
}

/**
 * Makes the folder beside `out` in which it will be built, and removes it: what cannot be written is told before the work,
 * not after it.
 */
async function checkWritable(out: string): Promise<void> {
  const building = `${out.replace(/\/+$/, "")}.partial`;
  try {
    await Deno.mkdir(building, { recursive: true });
    await Deno.writeTextFile(`${building}/config.json`, "{}");
    await Deno.remove(building, { recursive: true });
  } catch (error) {
    throw unusable(out, error);
  }
}

function unusable(out: string, cause: unknown): UserError {
  return new UserError(
    `--out ${out}: nothing can be written there: ${(cause as Error).message}`,
    { cause },
  );
}

/**
 * The number format of `--dtype`.
 *
 * @throws {UsageError} If it is not known.
 */
export function outputType(args: Args): FloatType | undefined {
  const text = args.text("dtype");
  const dtype = text?.toUpperCase();
  if (dtype === undefined) return undefined;
  if (dtype === "F32" || dtype === "F16" || dtype === "BF16") return dtype;
  throw new UsageError(`--dtype must be F32, F16 or BF16, got "${text}"`);
}

const UNITS: Readonly<Record<string, number>> = { K: 1e3, M: 1e6, G: 1e9 };

/**
 * The bytes of `--shard-size`, such as 500MB.
 *
 * @throws {UsageError} If it is no size.
 */
export function shardBytes(args: Args): number | undefined {
  const text = args.text("shard-size");
  if (text === undefined) return undefined;
  const [, count, unit] = /^([\d.]+)\s*([KMG])?B?$/i.exec(text) ?? [];
  const bytes = Number(count) * (UNITS[unit?.toUpperCase() ?? ""] ?? 1);
  if (bytes >= 1) return bytes;
  throw new UsageError(
    `--shard-size must be a size such as 500MB or 2GB, got "${text}"`,
  );
}
