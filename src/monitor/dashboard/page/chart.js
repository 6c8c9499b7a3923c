import { fill, h } from "./dom.js";
import { number } from "./format.js";
import uPlot from "./uplot.js";

/** Reads CSS variables for canvases, each once: after every change to the page a reading is dear. */
function cssReader() {
  const known = new Map();
  return (name) => {
    if (!known.has(name)) {
      const style = getComputedStyle(document.documentElement);
      known.set(name, style.getPropertyValue(name).trim());
    }
    return known.get(name);
  };
}

/** Exponential moving average of the numbers there are. */
export function smooth(values, weight) {
  if (weight === 0) return values;
  let mean = null;
  return values.map((value) => {
    if (value === null) return null;
    mean = mean === null ? value : weight * mean + (1 - weight) * value;
    return mean;
  });
}

/** Charts of one page: they share the cursor and the range of steps. */
export class ChartSet {
  #plots = new Set();
  /** Draws the next chart of those that are not in sight. */
  #later;
  #onRange;
  #sync = uPlot.sync("steps");
  #observer = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) {
      const { width, height } = contentRect;
      const { plot } = target;
      // Told the size that it was drawn in, too: then there is nothing to draw again.
      if (!plot || width === 0) continue;
      const same = Math.abs(plot.width - width) < 1 &&
        Math.abs(plot.height - height) < 1;
      if (!same) plot.setSize({ width, height });
    }
  });

  /** @param onRange Told the steps that were chosen by dragging, or null for all. */
  constructor(onRange) {
    this.#onRange = onRange;
  }

  /**
   * Draws charts, each with lines over steps: those in sight at once, the others one by one, so that
   * the page can be used meanwhile.
   *
   * @param charts `{place, legend, data, lines, bars?}` for each: where the plot and the newest numbers
   *   go, the columns (the steps, then one for each line), and `{label, color, faint?, points?, fill?}`
   *   for each line.
   * @param range First and last step that are shown; all where undefined.
   */
  draw(charts, range) {
    const css = cssReader();
    // All sizes are read before anything is drawn: each drawing would have the page laid out anew.
    const sized = charts.map((chart) => ({
      chart,
      inSight: chart.place.getBoundingClientRect().top < innerHeight,
      size: {
        width: Math.max(chart.place.clientWidth, 120),
        height: chart.place.clientHeight,
      },
    }));
    const draw = ({ chart, size }) => this.#draw(chart, { size, range, css });
    sized.filter(({ inSight }) => inSight).forEach(draw);
    const others = sized.filter(({ inSight }) => !inSight);
    const drawNext = () => {
      const next = others.shift();
      if (next === undefined) return;
      draw(next);
      this.#later = setTimeout(drawNext);
    };
    this.#later = setTimeout(drawNext);
  }

  #draw(
    { place, legend, data, lines, bars = false },
    { size, range, css },
  ) {
    const text = css("--quiet");
    const grid = { stroke: css("--line"), width: 1 };
    const axis = {
      stroke: text,
      grid,
      ticks: { show: false },
      font: `11px ${css("--sans")}`,
    };
    const plot = new uPlot(
      {
        ...size,
        legend: { show: false },
        padding: [6, 14, 0, 0],
        cursor: {
          sync: { key: this.#sync.key, scales: ["x", null] },
          drag: { x: true, y: false, setScale: false },
          points: { size: 6 },
          y: false,
        },
        scales: {
          x: { time: false, ...(range && { range }) },
          y: { range: (_, low, high) => padded(low, high, bars) },
        },
        axes: [
          { ...axis, space: 60, size: 26 },
          {
            ...axis,
            // As wide as the longest number of these.
            size: (_, ticks) =>
              16 +
              7 * Math.max(4, ...(ticks ?? []).map(({ length }) => length)),
            values: (_, ticks) => ticks.map(number),
            space: 34,
          },
        ],
        series: [{}, ...lines.map((line) => seriesOf(line, bars, css))],
        hooks: {
          setCursor: [
            ({ cursor: { idx } }) => showLegend(legend, data, lines, idx),
          ],
          setSelect: [(plot) => {
            const { left, width } = plot.select;
            if (width < 4) return;
            this.#onRange([
              plot.posToVal(left, "x"),
              plot.posToVal(left + width, "x"),
            ]);
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          }],
        },
      },
      data,
      place,
    );
    place.ondblclick = () => this.#onRange(null);
    showLegend(legend, data, lines, null);
    place.plot = plot;
    this.#plots.add(plot);
    this.#observer.observe(place);
  }

  /** Takes all charts away. */
  clear() {
    clearTimeout(this.#later);
    for (const plot of this.#plots) {
      plot.root.parentElement.plot = undefined;
      plot.destroy();
    }
    this.#plots.clear();
    this.#observer.disconnect();
  }
}

function seriesOf({ color, faint, points, dash, fill }, bars, css) {
  const stroke = css(color);
  const area = bars || fill;
  return {
    stroke: bars ? undefined : faint ? `${stroke}40` : stroke,
    width: bars ? 0 : faint ? 1 : 1.8,
    spanGaps: true,
    ...(dash && { dash }),
    ...(area && { fill: bars ? stroke : `${stroke}18` }),
    ...(bars &&
      { paths: uPlot.paths.bars({ size: [1, 60, 1], gap: 1, radius: 0 }) }),
    points: {
      // A single value makes no line.
      show: (plot, at) =>
        Boolean(points) ||
        !faint && !bars &&
          plot.data[at].filter((value) => value != null).length === 1,
      size: 7,
      fill: css("--card"),
      width: 2,
    },
    ...(points && { paths: () => null }),
  };
}

function padded(low, high, fromZero) {
  if (low === null || high === null) return [0, 1];
  if (fromZero) return [0, high * 1.05 || 1];
  const room = (high - low) * 0.08 || Math.abs(high) * 0.1 || 0.1;
  // A line that never leaves the ground should not make the chart begin below it.
  return [low >= 0 && low - room < 0 ? 0 : low - room, high + room];
}

function showLegend(legend, data, lines, at) {
  const shown = lines.map((line, index) => {
    if (line.faint) return null;
    const column = line.values ?? data[index + 1];
    const value = at === null
      ? column.findLast((value) => value !== null)
      : column[at];
    if (line.points && value === null) return null;
    return h(
      "span",
      { title: line.label },
      h("i.swatch", { style: { "--c": `var(${line.color})` } }),
      line.short ?? null,
      ` ${number(value ?? null)}`,
    );
  });
  fill(
    legend,
    at === null ? null : h("span", null, `step ${data[0][at]}`),
    shown,
  );
}
