import { ask, connect, listen } from "./api.js";
import { fill, h } from "./dom.js";
import { showEpisode } from "./episode.js";
import { showEpisodes } from "./episodes.js";
import { showGroup } from "./group.js";
import { showHealth } from "./health.js";
import { showOverview } from "./overview.js";

/** What every page of the dashboard is given. */
const app = {
  /** All runs, as `api/runs` tells them. */
  runs: [],
  /** Numbers of the runs that are shown. */
  shown: new Set(),
  go,
  changed: () => render(),
};

const PAGES = {
  overview: { title: "Overview", key: "o", show: showOverview },
  episodes: { title: "Episodes", key: "e", show: showEpisodes },
  health: { title: "Health", key: "h", show: showHealth },
  group: { show: showGroup, under: "episodes" },
  episode: { show: showEpisode, under: "episodes" },
};

const content = document.getElementById("content");
const status = h("div.live", { role: "status" });
const links = Object.entries(PAGES).filter(([, { title }]) => title).map((
  [name, { title }],
) => h("a", { href: `#/${name}`, data: { page: name } }, title));
const chips = h("div.chips.push");
/** Ends what the page at hand has begun. */
let leave = () => {};
/** Counts the pages, so that one that is late does not replace its successor. */
let visit = 0;

/** Opens a page by its address, without the `#`. */
function go(address) {
  location.hash = address;
}

/** The page that the address names: its name, the parts of its path, and its parameters. */
function route() {
  const [path, query = ""] = location.hash.slice(1).split("?");
  const [name = "overview", ...parts] = path.split("/").filter(Boolean);
  return {
    name: Object.hasOwn(PAGES, name) ? name : "overview",
    parts,
    params: new URLSearchParams(query),
  };
}

async function render() {
  const { name, parts, params } = route();
  const { show, title, under } = PAGES[name];
  const mine = ++visit;
  leave();
  leave = () => {};
  for (const link of links) {
    if (link.dataset.page === (under ?? name)) {
      link.setAttribute("aria-current", "page");
    } else link.removeAttribute("aria-current");
  }
  document.title = `${title ?? "Episode"} · ASTuner`;
  const page = h("div.stack");
  try {
    const end = await show(page, { parts, params, app });
    if (mine !== visit) return end?.();
    leave = end ?? (() => {});
    fill(content, page);
    content.dataset.shown = location.hash;
    page.dispatchEvent(new CustomEvent("shown"));
  } catch (error) {
    if (mine !== visit) return;
    fill(
      content,
      h(
        "div.empty",
        null,
        h("h1", null, "This cannot be shown"),
        h("p", null, error.message),
      ),
    );
  }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Private windows keep nothing; the theme lasts as long as the page.
  }
}

function toggleTheme() {
  setTheme(
    document.documentElement.dataset.theme === "dark" ? "light" : "dark",
  );
  dispatchEvent(new CustomEvent("theme"));
}

function startTheme() {
  let kept;
  try {
    kept = localStorage.getItem("theme");
  } catch {
    kept = null;
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  document.documentElement.dataset.theme = kept ??
    (dark.matches ? "dark" : "light");
  dark.addEventListener("change", ({ matches }) => {
    document.documentElement.dataset.theme = matches ? "dark" : "light";
    dispatchEvent(new CustomEvent("theme"));
  });
}

function showTop() {
  fill(
    document.getElementById("top"),
    h(
      "div.bar",
      null,
      h(
        "a.brand",
        { href: "#/overview" },
        h("img", { src: "icon.svg", alt: "" }),
        h("span.hide", null, "ASTuner"),
      ),
      h("nav.pages", { "aria-label": "Pages" }, links),
      status,
      chips,
      h("button.bare", {
        onclick: toggleTheme,
        title: "Light or dark (t)",
        "aria-label": "Light or dark",
      }, "◐"),
      h("button.bare.hide", {
        onclick: showKeys,
        title: "Keys (?)",
        "aria-label": "Keys",
      }, "?"),
    ),
  );
}

function showChips() {
  fill(
    chips,
    app.runs.length < 2 ? null : app.runs.map(({ id, name, directory }) =>
      h(
        "button.chip",
        {
          title: directory,
          style: { "--c": `var(--run-${id % 6})` },
          "aria-pressed": String(app.shown.has(id)),
          onclick() {
            if (!app.shown.delete(id)) app.shown.add(id);
            if (app.shown.size === 0) app.shown.add(id);
            showChips();
            render();
          },
        },
        h("i.swatch"),
        h("span", null, name),
      )
    ),
  );
}

const dot = h("i.dot");
const words = h("span", null, "connecting");
/** How a run says that it ends. */
const ENDS = { done: "run finished", stopped: "run stopped" };
/** How the run ended, as far as this page was told. */
let ended = null;
/** Whether the server went away. */
let lost = false;

function showStatus() {
  fill(status, dot, words);
  listen("open", () => {
    dot.classList.add("on");
    if (lost) catchUp();
    else fill(words, "live");
  });
  listen("lost", () => {
    lost = true;
    dot.classList.remove("on");
    fill(
      words,
      ended === null
        ? "connection lost, trying again"
        : `${ended}; its dashboard has closed`,
    );
    status.title = ended === null
      ? ""
      : `Open it again: astuner view ${app.runs[0].directory}`;
  });
  listen("changed", ({ run, lastStep }) => {
    app.runs[run].lastStep = lastStep;
    dot.classList.remove("beat");
    void dot.offsetWidth;
    dot.classList.add("beat");
  });
  listen("run", (event) => {
    ended = ENDS[event.event] ?? null;
    fill(words, ended ?? stageOf(event) ?? "live");
  });
}

/** Shows what was missed while the server was away; it may have come back with other runs. */
async function catchUp() {
  try {
    const runs = await ask("runs");
    const named = (all) =>
      JSON.stringify(all.map(({ directory }) => directory));
    if (named(runs) !== named(app.runs)) app.shown = firstOf(runs);
    app.runs = runs;
  } catch (error) {
    fill(words, error.message);
    return;
  }
  lost = false;
  ended = null;
  status.title = "";
  fill(words, "live");
  showChips();
  await render();
}

/** The runs that are shown at first: as many as there are colours. */
function firstOf(runs) {
  return new Set(runs.slice(0, 6).map(({ id }) => id));
}

function stageOf(event) {
  if (event.event !== "progress") return null;
  const { stage, done, total, unit } = event;
  if (total === 0) return stage;
  return h(
    "span.stage",
    null,
    `${stage} ${done}/${total} ${unit}`,
    h("progress.hide", { max: total, value: done }),
  );
}

const KEYS = [
  ["o e h", "overview, episodes, health"],
  ["t", "light or dark"],
  ["/", "search the episodes"],
  ["↑ ↓ Enter", "choose a row and open it"],
  ["[ ]", "episode before or after in its group"],
  ["u", "up to the group"],
  ["← →", "token before or after"],
  ["g", "token with the highest gap between engine and trainer, then the next"],
  ["l", "token with the lowest logprob, then the next"],
  ["b", "next branch"],
  ["c", "colour the tokens by something else"],
  ["v", "tree or chat"],
];

function showKeys() {
  const dialog = h(
    "dialog",
    { "aria-label": "Keys", onclose: () => dialog.remove() },
    h("h1", null, "Keys"),
    h(
      "div.keys",
      null,
      KEYS.map((
        [keys, what],
      ) => [
        h(
          "span",
          null,
          keys.split(" ").map((key) => [h("kbd", null, key), " "]),
        ),
        h("span", null, what),
      ]),
    ),
    h(
      "p",
      { style: { "margin-top": "16px" } },
      h("button", { onclick: () => dialog.close(), autofocus: true }, "Close"),
    ),
  );
  document.body.append(dialog);
  dialog.showModal();
}

addEventListener("keydown", (event) => {
  if (
    event.ctrlKey || event.metaKey || event.altKey ||
    document.querySelector("dialog[open]")
  ) return;
  if (event.target.closest?.("input, select, textarea")) return;
  const page = Object.entries(PAGES).find(([, { key }]) => key === event.key);
  if (page) go(`/${page[0]}`);
  else if (event.key === "t") toggleTheme();
  else if (event.key === "?") showKeys();
});
addEventListener("hashchange", render);

startTheme();
showTop();
showStatus();
app.runs = await ask("runs");
app.shown = firstOf(app.runs);
showChips();
await render();
connect();
