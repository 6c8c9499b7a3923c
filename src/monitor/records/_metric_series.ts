import type { DatabaseSync } from "node:sqlite";
import type { Evaluation, StepRecord } from "../events.ts";

/** A run's metrics as columns; a number that a step does not have is null. */
export interface MetricSeries {
  /** Last step of each point. */
  readonly steps: readonly number[];
  /** Means over the steps of each point, by metric; a workflow's own as `workflow.NAME`. */
  readonly metrics: Readonly<Record<string, readonly (number | null)[]>>;
  /** Seconds of each point's steps, on average, by stage. */
  readonly timings: Readonly<Record<string, readonly (number | null)[]>>;
  readonly evaluations: readonly Evaluation[];
}

/** Which steps, and how finely. */
export interface SeriesQuery {
  /** First step. @default {0} */
  readonly from?: number;
  /** Last step. @default {Infinity} */
  readonly to?: number;
  /** Most points; neighbouring steps are averaged where there are more. @default {2000} */
  readonly points?: number;
}

/** Reads the metrics of a run. */
export function readSeries(
  database: DatabaseSync,
  { from = 0, to = Number.MAX_SAFE_INTEGER, points = 2000 }: SeriesQuery = {},
): MetricSeries {
  const records = database
    .prepare(
      "SELECT record FROM steps WHERE step BETWEEN ? AND ? ORDER BY step",
    )
    .all(from, to)
    .map(({ record }) => JSON.parse(String(record)) as StepRecord);
  const evaluations = database
    .prepare("SELECT record FROM evaluations ORDER BY step")
    .all()
    .map(({ record }) => JSON.parse(String(record)) as Evaluation);
  const size = Math.max(1, Math.ceil(records.length / points));
  const buckets = Array.from(
    { length: Math.ceil(records.length / size) },
    (_, at) => records.slice(at * size, (at + 1) * size),
  );
  return {
    steps: buckets.map((bucket) => bucket.at(-1)!.step),
    metrics: columns(buckets.map((bucket) => bucket.map(metricsOf))),
    timings: columns(buckets.map((bucket) => bucket.map(timingsOf))),
    evaluations,
  };
}

type Numbers = Readonly<Record<string, number>>;

/** The numbers of a step, but for its number and its times. */
function metricsOf({ step: _, seconds: __, ...record }: StepRecord): Numbers {
  const numbers: Record<string, number> = {};
  for (const [name, value] of Object.entries(record)) {
    if (typeof value === "number") numbers[name] = value;
    if (typeof value !== "object" || value === null) continue;
    for (const [part, number] of Object.entries(value)) {
      if (typeof number === "number") numbers[`${name}.${part}`] = number;
    }
  }
  return numbers;
}

function timingsOf({ seconds }: StepRecord): Numbers {
  return seconds;
}

/** Turns rows of numbers into columns, averaged over the rows of each bucket. */
function columns(
  buckets: readonly (readonly Numbers[])[],
): Record<string, (number | null)[]> {
  const names = new Set(buckets.flat().flatMap(Object.keys));
  const means = (name: string) =>
    buckets.map((rows) => {
      const values = rows.map((row) => row[name])
        .filter((value) => value !== undefined);
      const sum = values.reduce((total, value) => total + value, 0);
      return values.length === 0 ? null : sum / values.length;
    });
  return Object.fromEntries(
    [...names].sort().map((name) => [name, means(name)]),
  );
}
