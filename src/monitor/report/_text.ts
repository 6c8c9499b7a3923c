import { readable } from "../dashboard/page/visible.js";

/** Codes of the colours in use. */
const CODES = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
} as const;

/** Writes text in colour, or plainly where there is none. */
export type Paint = (color: keyof typeof CODES, text: string) => string;

/** @param color Whether escape sequences may be written. */
export function paintOf(color: boolean): Paint {
  return (name, text) => color ? `\x1b[${CODES[name]}m${text}\x1b[0m` : text;
}

/** Most characters of a name in a table. */
const WIDEST = 60;

/** A text on one line, with nothing in it that a terminal would obey. */
export function inLine(text: string): string {
  return readable(text).replaceAll("\n", "⏎");
}

/** A name on one line, its end left out where it is long. */
export function label(name: string): string {
  const letters = [...inLine(name)];
  return letters.length <= WIDEST
    ? letters.join("")
    : `${letters.slice(0, WIDEST - 1).join("")}…`;
}

/** A number in three digits, a whole one in all of its; `"-"` where there is none. */
export function short(value: unknown): string {
  if (typeof value !== "number" || !Number.isFinite(value)) return "-";
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  if (value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(1);
  return String(Number(value.toPrecision(3)));
}

/** Columns as wide as their widest cell; those named in `right` stand at their right ends. */
export function table(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]!.length))
  );
  return rows.map((row) =>
    row.map((cell, column) =>
      right.includes(column)
        ? cell.padStart(widths[column]!)
        : cell.padEnd(widths[column]!)
    ).join("  ").trimEnd()
  );
}

/** Bytes that are no whole characters, as the dashboard writes them. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join(" ");
}
