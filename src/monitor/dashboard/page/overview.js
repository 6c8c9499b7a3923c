import { ask, onChange } from "./api.js";
import { ChartSet } from "./chart.js";
import { showConfigDiff } from "./config_diff.js";
import { fill, h } from "./dom.js";
import { count, number, percent, seconds } from "./format.js";
import { CHARTS, dataOf, joined, metric, stagesOf } from "./overview_data.js";

/** What is drawn of agents that have adapters of their own. */
const AGENT_METRIC = /^agents\..*\.(loss|entropy|gradNorm)$/;

const POINTS = 1500;

/** What was chosen stays when another page is looked at meanwhile. */
const chosen = { smoothing: 0.6, range: null };

/** Metrics of the shown runs, as charts that follow the runs. */
export async function showOverview(page, { app }) {
  const ids = [...app.shown].sort((a, b) => a - b);
  const runs = ids.map((id) => app.runs[id]);
  const series = new Map(
    await Promise.all(
      ids.map(async (
        id,
      ) => [id, await ask(`runs/${id}/series`, { points: POINTS })]),
    ),
  );
  const charts = new ChartSet((range) => {
    chosen.range = range === null ? null : range.map(Math.round);
    showRange();
    draw();
  });

  const tiles = h("div.stack");
  const grid = h("div.cards");
  const from = h("input", {
    type: "number",
    min: 1,
    placeholder: "first",
    "aria-label": "First step",
  });
  const to = h("input", {
    type: "number",
    min: 1,
    placeholder: "last",
    "aria-label": "Last step",
  });
  const whole = h("button", { onclick: () => setRange(null) }, "All steps");
  const smoothing = h("input", {
    type: "range",
    min: 0,
    max: 0.97,
    step: 0.01,
    value: chosen.smoothing,
    "aria-label": "Smoothing",
    oninput() {
      chosen.smoothing = Number(smoothing.value);
      draw();
    },
  });
  for (const input of [from, to]) {
    input.onchange = () => {
      if (from.value === "" && to.value === "") setRange(null);
      else setRange([Number(from.value || 1), Number(to.value || lastStep())]);
    };
  }
  page.append(
    h(
      "div.row.spread",
      null,
      h("h1", null, runs.length === 1 ? runs[0].name : "Runs side by side"),
      h(
        "div.row",
        null,
        h("label.field", null, "Smoothing", smoothing),
        h("label.field", null, "Steps", from, "–", to),
        whole,
      ),
    ),
    tiles,
    grid,
    runs.length > 1 ? showConfigDiff(runs) : h(
      "details.card",
      null,
      h("summary", null, "Configuration"),
      h("pre.small", null, runs[0].config),
    ),
  );

  function lastStep() {
    return Math.max(
      1,
      ...[...series.values()].map(({ steps }) => steps.at(-1) ?? 1),
    );
  }
  function setRange(range) {
    chosen.range = range;
    showRange();
    draw();
  }
  function showRange() {
    from.value = chosen.range?.[0] ?? "";
    to.value = chosen.range?.[1] ?? "";
    whole.disabled = chosen.range === null;
  }

  function draw() {
    charts.clear();
    fill(
      tiles,
      runs.map((run) => tilesOf(run, series.get(run.id), runs.length > 1)),
    );
    const names = [
      ...new Set(
        [...series.values()].flatMap(({ metrics }) => Object.keys(metrics)),
      ),
    ].sort();
    const all = [
      ...CHARTS,
      ...names.filter((name) => AGENT_METRIC.test(name)).map((name) => ({
        title: name.slice("agents.".length),
        unit: "the agent's own adapter",
        values: metric(name),
      })),
      ...names.filter((name) => name.startsWith("workflow.")).map((name) => ({
        title: name.slice("workflow.".length),
        unit: "the workflow's own",
        values: metric(name),
      })),
    ];
    const drawn = all.map((chart) => ({
      ...chart,
      ...dataOf(chart, runs, { series, smoothing: chosen.smoothing }),
    })).filter(({ lines }) => lines.length > 0);
    const cards = drawn.map((chart) => cardOf(chart.title, chart.unit));
    const stages = runs.map((run) => ({ run, ...stagesOf(series.get(run.id)) }))
      .filter(({ lines }) => lines.length > 0);
    const stageCards = stages.map(({ run }) =>
      cardOf(
        runs.length > 1 ? `Stage times of ${run.name}` : "Stage times",
        "seconds per step",
        true,
      )
    );
    if (drawn.length === 0) {
      fill(
        grid,
        h(
          "div.card.empty",
          null,
          "No step is done yet; its numbers will appear here by themselves.",
        ),
      );
      return;
    }
    fill(
      grid,
      cards.map(({ card }) => card),
      stageCards.map(({ card }) => card),
    );
    charts.draw(
      [
        ...drawn.map((chart, at) => ({ ...chart, ...cards[at] })),
        ...stages.map((chart, at) => ({
          ...chart,
          ...stageCards[at],
          bars: true,
        })),
      ],
      chosen.range ?? undefined,
    );
  }

  /** Adds what is new; all of it where the run was taken back to an earlier step. */
  async function update({ run, lastStep }) {
    const held = series.get(run);
    if (held === undefined) return;
    const last = held.steps.at(-1) ?? 0;
    const whole = lastStep < last || held.steps.length >= POINTS;
    const fresh = await ask(`runs/${run}/series`, {
      points: POINTS,
      ...(!whole && { from: last + 1 }),
    });
    series.set(run, whole ? fresh : joined(held, fresh));
    draw();
  }
  const stop = onChange(update);
  const retheme = () => draw();
  addEventListener("theme", retheme);
  page.addEventListener("shown", draw);
  showRange();
  return () => {
    stop();
    removeEventListener("theme", retheme);
    charts.clear();
  };
}

function cardOf(title, unit, wide = false) {
  const place = h("div.plot");
  const legend = h("div.legend");
  const card = h(
    wide ? "section.card.chart.wide" : "section.card.chart",
    { "aria-label": title },
    h(
      "header",
      null,
      h("h2", null, title),
      unit && h("span.quiet.small", null, unit),
      legend,
    ),
    place,
  );
  return { card, place, legend };
}

function tilesOf(run, { steps, metrics, timings, evaluations }, named) {
  const last = (name) =>
    metrics[name]?.findLast((value) => value !== null) ?? null;
  const best = evaluations.at(-1);
  const first = evaluations[0];
  const held = best && (best.sampled ?? best.greedy);
  const before = first && (first.sampled ?? first.greedy);
  const saving = last("tokensSeen") / last("tokensComputed");
  const tiles = [
    ["step", steps.length === 0 ? "–" : count(steps.at(-1))],
    ["reward", number(last("reward"))],
    ["success", percent(last("success"))],
    [
      "held-out",
      held === undefined ? "–" : percent(held),
      held !== undefined && best !== first ? signed(held - before) : null,
    ],
    ["entropy", number(last("entropy"))],
    ["logprob gap", number(last("logprobGapMean"))],
    ["tree saving", Number.isFinite(saving) ? `${saving.toFixed(1)}×` : "–"],
    ["per step", seconds(timings.total?.findLast((value) => value !== null))],
  ];
  return h(
    "div",
    null,
    named
      ? h(
        "p.small.row",
        {
          style: { "margin-bottom": "6px", "--c": `var(--run-${run.id % 6})` },
        },
        h("i.swatch"),
        run.name,
        h("span.quiet", null, run.model),
      )
      : null,
    h(
      "div.tiles",
      { "aria-label": `Latest numbers of ${run.name}` },
      tiles.map(([label, value, change]) =>
        h("div.tile", null, h("b", null, value, change), h("span", null, label))
      ),
    ),
  );
}

function signed(difference) {
  const points = Math.round(difference * 100);
  return h(
    `span.change.${points >= 0 ? "good" : "bad"}`,
    null,
    `${points >= 0 ? "+" : ""}${points}`,
  );
}
