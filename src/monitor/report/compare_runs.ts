import { readRecords, type RecordReader } from "../records/mod.ts";

/** A metric of two runs, as a mean over their last steps. */
export interface CompareRow {
  readonly metric: string;
  readonly first: number | null;
  readonly second: number | null;
  /** Second minus first; null where one of them lacks the metric. */
  readonly difference: number | null;
}

/** Steps that a mean is taken over. */
const STEPS = 10;

/** Compares two runs by every metric that either has, and by their latest evaluations. */
export function compareRuns(
  first: RecordReader,
  second: RecordReader,
): CompareRow[] {
  const [a, b] = [first, second].map((reader) =>
    readRecords(reader.directory, () => latest(reader))
  ) as [Map<string, number>, Map<string, number>];
  return [...new Set([...a.keys(), ...b.keys()])].map((metric) => {
    const [x, y] = [a.get(metric) ?? null, b.get(metric) ?? null];
    const difference = x === null || y === null ? null : y - x;
    return { metric, first: x, second: y, difference };
  });
}

function latest(reader: RecordReader): Map<string, number> {
  const step = reader.lastStep();
  const { metrics, timings, evaluations } = reader.series({
    from: Math.max(1, step - STEPS + 1),
  });
  const found = new Map<string, number>([["steps", step]]);
  const evaluation = evaluations.at(-1);
  for (const way of ["sampled", "greedy"] as const) {
    const success = evaluation?.[way];
    if (typeof success === "number") found.set(`held-out ${way}`, success);
  }
  for (const [name, values] of Object.entries(metrics)) add(name, values);
  for (const [stage, values] of Object.entries(timings)) {
    add(`seconds.${stage}`, values);
  }
  return found;

  function add(name: string, values: readonly (number | null)[]): void {
    const known = values.filter((value) => value !== null);
    const sum = known.reduce((total, value) => total + value, 0);
    if (known.length > 0) found.set(name, sum / known.length);
  }
}
