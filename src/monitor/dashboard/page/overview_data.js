import { smooth } from "./chart.js";

const ratio = (top, bottom) => (series) => {
  const [a, b] = [series.metrics[top], series.metrics[bottom]];
  return a && b
    ? a.map((value, at) => value === null || !b[at] ? null : value / b[at])
    : undefined;
};
/** Values of a metric. */
export const metric = (name) => (series) => series.metrics[name];
const rate = (series) => {
  const total = series.timings.total;
  const seen = series.metrics.tokensTrained;
  return seen && total
    ? seen.map((value, at) =>
      value === null || !total[at] ? null : value / total[at]
    )
    : undefined;
};
const sum = (a, b) => (series) => {
  const [low, high] = [series.metrics[a], series.metrics[b]];
  return low && high
    ? low.map((value, at) => value === null ? null : value + (high[at] ?? 0))
    : undefined;
};
/** Values of a metric that most runs have at zero throughout; nothing there. */
const unusual = (name) => (series) =>
  series.metrics[name]?.some((value) => value)
    ? series.metrics[name]
    : undefined;

/** What is drawn of a run, in order. */
export const CHARTS = [
  {
    title: "Reward",
    unit: "mean of the step's episodes",
    values: metric("reward"),
    fill: true,
  },
  {
    title: "Success",
    unit: "share solved; rings: held-out",
    values: metric("success"),
    evals: true,
    fill: true,
  },
  { title: "Loss", values: metric("loss") },
  { title: "KL to reference", unit: "nats per token", values: metric("kl") },
  { title: "Entropy", unit: "nats per token", values: metric("entropy") },
  {
    title: "Clip share",
    unit: "of the sampled tokens",
    values: sum("clipFractionLow", "clipFractionHigh"),
  },
  {
    title: "Logprob gap",
    unit: "engine to trainer, mean, nats",
    values: metric("logprobGapMean"),
  },
  {
    title: "Corrected share",
    unit: "importance weights cut off or masked",
    values: sum("truncatedFraction", "maskedFraction"),
  },
  {
    title: "Staleness",
    unit: "versions behind, mean of the sampled tokens",
    values: unusual("stalenessMean"),
  },
  {
    title: "Gradient norm",
    unit: "before clipping",
    values: metric("gradNorm"),
  },
  {
    title: "Tree saving",
    unit: "tokens seen per token computed",
    values: ratio("tokensSeen", "tokensComputed"),
  },
  { title: "Throughput", unit: "trained tokens per second", values: rate },
  {
    title: "Tokens trained",
    unit: "per step",
    values: metric("tokensTrained"),
  },
  {
    title: "Groups without spread",
    unit: "share of the step's groups",
    values: ratio("zeroSpreadGroups", "groups"),
  },
  { title: "Learning rate", values: metric("learningRate") },
];

const STAGE_COLORS = [
  "--run-0",
  "--run-1",
  "--run-2",
  "--run-3",
  "--run-4",
  "--run-5",
];

/** Columns and lines of a chart: for each run a faint line as measured under a smooth one. */
export function dataOf({ values, evals, fill }, runs, { series, smoothing }) {
  const steps = [
    ...new Set(runs.flatMap(({ id }) => {
      const { steps, evaluations } = series.get(id);
      return evals ? [...steps, ...evaluations.map(({ step }) => step)] : steps;
    })),
  ].sort((a, b) => a - b);
  const at = new Map(steps.map((step, index) => [step, index]));
  const columns = [];
  const lines = [];
  function add(points, line) {
    const column = new Array(steps.length).fill(null);
    for (const [step, value] of points) column[at.get(step)] = value;
    columns.push(column);
    lines.push(line);
  }
  for (const { id, name } of runs) {
    const run = series.get(id);
    const raw = values(run);
    if (!raw?.some((value) => value !== null)) continue;
    const color = `--run-${id % 6}`;
    const zipped = (column) =>
      run.steps.map((step, index) => [step, column[index]]);
    if (smoothing > 0) {
      add(zipped(raw), { color, label: name, faint: true });
    }
    add(zipped(smooth(raw, smoothing)), {
      color,
      label: name,
      fill: fill && runs.length === 1,
      ...(runs.length > 1 && { short: name }),
    });
    if (!evals) continue;
    const held = run.evaluations.map((
      { step, sampled, greedy },
    ) => [step, sampled ?? greedy]);
    if (held.length > 0) {
      add(held, {
        color,
        label: `${name}, held-out`,
        points: true,
        short: "held-out",
      });
    }
  }
  return { data: [steps, ...columns], lines };
}

/** Stacked bars: each stage is drawn as the sum up to it, behind those below. */
export function stagesOf({ steps, timings }) {
  // Work that goes on beside the stages is none.
  const names = Object.keys(timings).filter((name) =>
    name !== "total" && name !== "recordWork"
  );
  const means = new Map(
    names.map((name) => [
      name,
      timings[name].reduce((sum, value) => sum + (value ?? 0), 0),
    ]),
  );
  names.sort((a, b) => means.get(b) - means.get(a));
  const sums = [];
  names.forEach((name, index) => {
    sums.push(
      timings[name].map((value, at) =>
        (value ?? 0) + (index > 0 ? sums[index - 1][at] : 0)
      ),
    );
  });
  const lines = names.map((name, index) => ({
    label: name,
    short: name,
    color: STAGE_COLORS[index % 6],
    values: timings[name],
  }));
  return { data: [steps, ...sums.reverse()], lines: lines.reverse() };
}

/** Metrics with those of later steps behind them. */
export function joined(held, fresh) {
  if (fresh.steps.length === 0) {
    return { ...held, evaluations: fresh.evaluations };
  }
  return {
    steps: [...held.steps, ...fresh.steps],
    metrics: joinedColumns(
      held.metrics,
      fresh.metrics,
      held.steps.length,
      fresh.steps.length,
    ),
    timings: joinedColumns(
      held.timings,
      fresh.timings,
      held.steps.length,
      fresh.steps.length,
    ),
    evaluations: fresh.evaluations,
  };
}

function joinedColumns(before, after, length, added) {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return Object.fromEntries([...names].map((name) => [
    name,
    [
      ...before[name] ?? new Array(length).fill(null),
      ...after[name] ?? new Array(added).fill(null),
    ],
  ]));
}
