import { label, paintOf, short, table } from "./_text.ts";
import type { CompareRow } from "./compare_runs.ts";

/** Two runs as a table: each metric's mean over the last 10 steps, and the difference. */
export function compareReport(
  rows: readonly CompareRow[],
  { names, color = false }: {
    readonly names: readonly [string, string];
    readonly color?: boolean;
  },
): string {
  const paint = paintOf(color);
  const [head, ...lines] = table([
    ["metric", ...names.map(label), "difference"],
    ...rows.map(({ metric, first, second, difference }) => [
      label(metric),
      short(first),
      short(second),
      difference === null
        ? "-"
        : `${difference > 0 ? "+" : ""}${short(difference)}`,
    ]),
  ], [1, 2, 3]);
  return [paint("bold", head!), ...lines].join("\n");
}
