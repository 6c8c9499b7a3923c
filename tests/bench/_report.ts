import { parseArgs } from "node:util";

/** One row of a bench's table. */
export type Row = Readonly<Record<string, string | number>>;

/** What a bench was asked for on its command line. */
export interface BenchOptions {
  /** How often each thing is timed; medians are shown. */
  readonly rounds: number;
}

/**
 * Runs a bench as a program: `--rounds N` times each thing that often, `--json` prints one object instead of a table.
 *
 * @param rounds How often by default.
 */
export async function runBench(
  name: string,
  rounds: number,
  bench: (options: BenchOptions) => Promise<readonly Row[]>,
): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: { json: { type: "boolean" }, rounds: { type: "string" } },
  });
  const rows = await bench({ rounds: Number(values.rounds ?? rounds) });
  console.log(
    values.json ? JSON.stringify({ bench: name, rows }) : table(name, rows),
  );
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Three digits. */
export function short(value: number): number {
  return Number(value.toPrecision(3));
}

/** Milliseconds that `work` takes. */
export async function time(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Columns of text. */
export function table(name: string, rows: readonly Row[]): string {
  const heads = Object.keys(rows[0] ?? {});
  const cells = [
    heads,
    ...rows.map((row) => heads.map((head) => `${row[head]}`)),
  ];
  const widths = heads.map((_, i) =>
    Math.max(...cells.map((line) => line[i]!.length))
  );
  const lines = cells.map((line) =>
    line.map((cell, i) => cell.padStart(widths[i]!)).join("  ")
  );
  return [`\n${name}`, ...lines].join("\n");
}
