const BARS = "▁▂▃▄▅▆▇█";

/** A reward or a share: `"0.953"`; `"-"` where there is none. */
export function formatNumber(value: number | null | undefined): string {
  return Number.isFinite(value) ? value!.toFixed(3) : "-";
}

/** Seconds as people say them: `"0.4s"`, `"42s"`, `"2m05s"`, `"1h10m"`. */
export function formatSeconds(seconds: number): string {
  if (!Number.isFinite(seconds)) return "-";
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}m${pad(whole % 60)}s`;
  return `${Math.floor(minutes / 60)}h${pad(minutes % 60)}m`;
}

/** Units per second, or seconds per unit where it is slower than one a second. */
export function formatRate(perSecond: number, unit: string): string {
  if (!Number.isFinite(perSecond) || perSecond <= 0) return `- ${unit}/s`;
  return perSecond >= 1
    ? `${perSecond.toFixed(1)} ${unit}/s`
    : `${formatSeconds(1 / perSecond)} per ${unit.replace(/s$/, "")}`;
}

/** A bar of `width` cells, filled to `share` (0 to 1). */
export function progressBar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return "█".repeat(filled) + "░".repeat(width - filled);
}

/**
 * The course of `values` in at most `width` cells; neighbours are averaged where there are more.
 * The scale runs from 0 (or the least value below it) to 1 (or the greatest above it).
 */
export function sparkline(values: readonly number[], width: number): string {
  const cells = Math.min(width, values.length);
  const means = Array.from({ length: cells }, (_, cell) => {
    const from = Math.floor(cell * values.length / cells);
    const to = Math.floor((cell + 1) * values.length / cells);
    return mean(values.slice(from, to).filter(Number.isFinite));
  });
  const known = means.filter(Number.isFinite);
  const low = Math.min(0, ...known);
  const high = Math.max(1, ...known);
  return means.map((value) => {
    if (!Number.isFinite(value)) return " ";
    const level = Math.round((value - low) / (high - low) * (BARS.length - 1));
    return BARS[level];
  }).join("");
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function pad(value: number): string {
  return value.toString().padStart(2, "0");
}
