import { readable } from "../dashboard/page/visible.js";
import type { EpisodeRow, Finding, RecordReader } from "../records/mod.ts";
import { type Paint, paintOf, short, table } from "./_text.ts";

/** What a report tells, and how. */
export interface RunReportOptions {
  /** One step instead of the whole run. */
  readonly step?: number;
  /** Episodes with the lowest rewards that are listed. @default {5} */
  readonly worst?: number;
  /** Whether escape sequences for colour may be written. @default {false} */
  readonly color?: boolean;
}

/** Metrics that are told of a step, where it has them. */
const METRICS = [
  "reward",
  "success",
  "episodes",
  "failures",
  "zeroSpreadGroups",
  "loss",
  "kl",
  "entropy",
  "clipFractionLow",
  "clipFractionHigh",
  "logprobGapMean",
  "logprobGapMax",
  "truncatedFraction",
  "maskedFraction",
  "stalenessMean",
  "stalenessMax",
  "tooStaleTokens",
  "gradNorm",
  "tokensSeen",
  "tokensComputed",
  "tokensTrained",
];

const MARKS = { bad: "✕", warning: "!", note: "i", good: "✓" } as const;
const TONES = {
  bad: "red",
  warning: "yellow",
  note: "blue",
  good: "green",
} as const;

/** A run in short: the numbers of a step, its worst episodes, and what is wrong. */
export function runReport(
  reader: RecordReader,
  { step, worst = 5, color = false }: RunReportOptions = {},
): string {
  const paint = paintOf(color);
  const at = step ?? reader.lastStep();
  const { metrics, timings } = reader.series({ from: at, to: at });
  const rows = METRICS.flatMap((name) => {
    const value = metrics[name]?.[0];
    return value === undefined ? [] : [[name, short(value)]];
  });
  const stages = Object.entries(timings)
    .map(([stage, [seconds]]) => `${stage} ${short(seconds)} s`).join("  ");
  const { rows: episodes, total } = reader.episodes({
    from: at,
    to: at,
    kind: "train",
    sort: "reward",
    order: "asc",
    limit: worst,
  });
  return [
    paint("bold", `${reader.directory}, step ${at}`),
    ...table(rows, [1]).map((line) => `  ${line}`),
    paint("dim", `  ${stages}`),
    "",
    paint("bold", `Worst of ${total} episodes`),
    ...episodeLines(episodes, paint),
    ...(step === undefined ? healthLines(reader.health(), paint) : []),
  ].join("\n");
}

function episodeLines(rows: readonly EpisodeRow[], paint: Paint): string[] {
  const cells = rows.map((row) => [
    `${row.id}`,
    readable(String(row.task)),
    row.stage === null
      ? `reward ${short(row.reward)}`
      : `failed in ${row.stage}`,
    `${row.sampled} tokens`,
    `${row.calls} calls`,
    `gap ${short(row.gap_max)}`,
  ]);
  return table(cells, [0]).map((line, at) =>
    `  ${rows[at]!.stage === null ? line : paint("red", line)}`
  );
}

function healthLines(findings: readonly Finding[], paint: Paint): string[] {
  if (findings.length === 0) return [];
  return [
    "",
    paint("bold", "Health"),
    ...findings.flatMap(({ severity, title, text, evidence }) => [
      `  ${paint(TONES[severity], MARKS[severity])} ${title}`,
      ...(severity === "good" ? [] : [
        paint("dim", `    ${readable(text)}`),
        ...evidence.slice(0, 3).map((piece) =>
          paint("dim", `    episode ${piece.episode}: ${readable(piece.text)}`)
        ),
      ]),
    ]),
  ];
}
