import type { Evaluation } from "../events.ts";
import type { EpisodeRow, Finding, RecordReader } from "../records/mod.ts";
import { inLine, label, type Paint, paintOf, short, table } from "./_text.ts";

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
  const last = reader.lastStep();
  const at = step ?? last;
  const { total, rows } = worstEpisodes(reader, at, worst);
  const health = step === undefined ? healthLines(reader.health(), paint) : [];
  return [
    paint("bold", `${inLine(reader.directory)}, step ${at}`),
    ...(at === 0 ? ["  No step is done yet"] : []),
    ...stepLines(reader, at, paint),
    ...(total === 0 ? [] : [
      "",
      paint(
        "bold",
        `Worst of ${total} ${total === 1 ? "episode" : "episodes"}`,
      ),
      ...episodeLines(rows, paint),
    ]),
    ...health,
  ].join("\n");
}

/** The episodes of a step that failed or earned least, and how many it has in all; before the first step, its own. */
export function worstEpisodes(
  reader: RecordReader,
  step: number,
  limit: number,
): { readonly total: number; readonly rows: readonly EpisodeRow[] } {
  const query = {
    ...(step > 0 && { from: step, to: step }),
    kind: "train",
    sort: "reward",
    order: "asc",
  } as const;
  const { rows: failed } = reader.episodes({
    ...query,
    outcome: "failed",
    limit,
  });
  const { rows, total } = reader.episodes({ ...query, limit });
  const others = rows.filter(({ stage }) => stage === null);
  return { total, rows: [...failed, ...others].slice(0, limit) };
}

/** What a step measured: the metrics that every run has, then those of its agents and its workflow. */
function stepLines(reader: RecordReader, at: number, paint: Paint): string[] {
  const { metrics, timings, evaluations } = reader.series({ from: at, to: at });
  const own = Object.keys(metrics).filter((name) =>
    /^(agents|workflow)\./.test(name)
  );
  const rows = [
    ...heldOut(evaluations, at),
    ...[...METRICS, ...own].flatMap((name) => {
      const value = metrics[name]?.[0];
      return value === undefined ? [] : [[label(name), short(value)]];
    }),
  ];
  const stages = Object.entries(timings)
    .map(([stage, [seconds]]) => `${stage} ${short(seconds)} s`).join("  ");
  return [
    ...table(rows, [1]).map((line) => `  ${line}`),
    ...(stages === "" ? [] : [paint("dim", `  ${stages}`)]),
  ];
}

/** The latest evaluation up to a step. */
function heldOut(
  evaluations: readonly Evaluation[],
  at: number,
): (readonly [string, string])[] {
  const latest = evaluations.findLast(({ step }) => step <= at);
  if (latest === undefined) return [];
  const when = latest.step === at ? "" : ` at step ${latest.step}`;
  return (["sampled", "greedy"] as const).flatMap((way) =>
    latest[way] === null
      ? []
      : [[`held-out ${way}${when}`, short(latest[way])] as const]
  );
}

function episodeLines(rows: readonly EpisodeRow[], paint: Paint): string[] {
  const cells = rows.map((row) => [
    `${row.id}`,
    label(String(row.task)),
    row.stage === null
      ? `reward ${short(row.reward)}`
      : `failed in ${row.stage}`,
    `${short(row.sampled)} tokens`,
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
        paint("dim", `    ${inLine(text)}`),
        ...evidence.slice(0, 3).map((piece) =>
          paint("dim", `    episode ${piece.episode}: ${inLine(piece.text)}`)
        ),
      ]),
    ]),
  ];
}
