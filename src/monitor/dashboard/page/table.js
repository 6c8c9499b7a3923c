import { fill, h } from "./dom.js";

const ROW = 36;
const PAGE = 100;
/** Pages kept; those looked at longest ago go first. */
const KEPT = 12;
/** Browsers draw no taller elements; beyond, the scroll bar stands for several rows a pixel. */
const TALLEST = 8_000_000;

/**
 * A table of any length: only the rows in sight exist, and only pages near them are loaded.
 *
 * @param columns `{key, title, width, right?, sortable?, show(row)}` for each column.
 * @param load Loads part of the rows: `(offset, limit) => {total, rows}`.
 * @param open What happens when a row is chosen.
 * @param address Address of a row's own page.
 */
export function virtualTable(
  { columns, load, open, address, sort, onSort, label },
) {
  const template = columns.map(({ width }) => width).join(" ");
  const body = h("div.grid-body", { role: "rowgroup" });
  const head = h(
    "div.grid-head",
    { role: "row", style: { "grid-template-columns": template } },
    columns.map(({ key, title, right, sortable }) =>
      h(
        "div",
        { role: "columnheader", "aria-sort": sortOf(key, sort) },
        sortable === false ? h("span.quiet.small", null, title) : h("button", {
          class: right ? "right" : "",
          "aria-sort": sortOf(key, sort),
          onclick: () => onSort(key),
          title: `Sort by ${title}`,
        }, title),
      )
    ),
  );
  const scroller = h(
    "div.scroller",
    { role: "grid", tabIndex: 0, "aria-label": label },
    head,
    body,
  );
  const pages = new Map();
  let total = 0;
  let current = 0;
  let waiting = 0;

  async function fetchPage(number) {
    if (pages.has(number)) return;
    pages.set(number, null);
    const mine = waiting;
    const { total: found, rows } = await load(number * PAGE, PAGE);
    if (mine !== waiting) return;
    pages.set(number, rows);
    for (
      const old of [...pages.keys()].slice(0, Math.max(0, pages.size - KEPT))
    ) pages.delete(old);
    if (found !== total) {
      total = found;
      body.style.height = `${Math.min(total * ROW, TALLEST)}px`;
      scroller.setAttribute("aria-rowcount", total);
      scroller.dispatchEvent(new CustomEvent("total", { detail: total }));
    }
    draw();
  }

  /** Rows hidden above, where a pixel of the scroll bar may stand for several. */
  function firstRow() {
    const room = scroller.scrollHeight - scroller.clientHeight;
    if (total * ROW <= TALLEST || room <= 0) {
      return Math.floor(scroller.scrollTop / ROW);
    }
    return Math.floor(scroller.scrollTop / room * (total - visible()));
  }

  function visible() {
    return Math.ceil(scroller.clientHeight / ROW);
  }

  function draw() {
    const first = firstRow();
    const exact = total * ROW <= TALLEST;
    const from = Math.max(0, first - 6);
    const to = Math.min(total, first + visible() + 6);
    const rows = [];
    for (let at = from; at < to; at++) {
      const page = Math.floor(at / PAGE);
      const row = pages.get(page)?.[at % PAGE];
      if (!pages.has(page)) fetchPage(page);
      const top = exact ? at * ROW : scroller.scrollTop + (at - first) * ROW;
      rows.push(rowElement(row, at, top));
    }
    fill(body, rows);
    if (rows.length > 0) {
      scroller.setAttribute("aria-activedescendant", `row-${current}`);
    }
  }

  function rowElement(row, at, top) {
    const style = { top: `${top}px`, "grid-template-columns": template };
    if (!row) return h("div.grid-row", { style, "aria-busy": "true" });
    return h(
      "a.grid-row",
      {
        id: `row-${at}`,
        role: "row",
        "aria-rowindex": at + 1,
        "aria-selected": String(at === current),
        class: at === current ? "current" : "",
        href: address(row),
        tabIndex: -1,
        style,
        onclick: () => (current = at),
      },
      columns.map(({ show, right }) =>
        h("div", { role: "gridcell", class: right ? "right" : "" }, show(row))
      ),
    );
  }

  function move(to) {
    current = Math.max(0, Math.min(total - 1, to));
    if (total * ROW <= TALLEST) {
      const top = current * ROW;
      const inside = scroller.clientHeight - head.offsetHeight - ROW;
      if (top < scroller.scrollTop) scroller.scrollTop = top;
      else if (top > scroller.scrollTop + inside) {
        scroller.scrollTop = top - inside;
      }
    }
    draw();
  }

  scroller.addEventListener("scroll", draw, { passive: true });
  scroller.addEventListener("keydown", (event) => {
    const steps = {
      ArrowDown: 1,
      ArrowUp: -1,
      PageDown: visible(),
      PageUp: -visible(),
      Home: -total,
      End: total,
    };
    if (event.key in steps && event.target === scroller) {
      event.preventDefault();
      move(current + steps[event.key]);
    } else if (event.key === "Enter" && event.target === scroller) {
      const row = pages.get(Math.floor(current / PAGE))?.[current % PAGE];
      if (row) open(row);
    }
  });
  const observer = new ResizeObserver(draw);
  observer.observe(scroller);

  return {
    element: scroller,
    /** Loads the rows again, where the filters or the run have changed. */
    async reload() {
      waiting++;
      pages.clear();
      await fetchPage(Math.floor(firstRow() / PAGE));
    },
    close: () => observer.disconnect(),
  };
}

function sortOf(key, { sort, order }) {
  if (key !== sort) return "none";
  return order === "asc" ? "ascending" : "descending";
}
