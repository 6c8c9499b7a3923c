import { ask, onChange } from "./api.js";
import { fill, h } from "./dom.js";
import { count, ends, number, seconds } from "./format.js";
import { virtualTable } from "./table.js";

const WIDE = [
  {
    key: "step",
    title: "Step",
    width: "56px",
    right: true,
    show: ({ step }) => step,
  },
  {
    key: "task",
    title: "Task",
    width: "minmax(120px, 1.6fr)",
    show: ({ task }) => task,
  },
  {
    key: "reward",
    title: "Reward",
    width: "116px",
    right: true,
    show: rewardOf,
  },
  {
    key: "advantage",
    title: "Advantage",
    width: "86px",
    right: true,
    show: ({ advantage }) => number(advantage),
  },
  {
    key: "sampled",
    title: "Tokens",
    width: "70px",
    right: true,
    show: ({ sampled }) => count(sampled),
  },
  {
    key: "calls",
    title: "Calls",
    width: "52px",
    right: true,
    show: ({ calls }) => calls,
  },
  {
    key: "agents",
    title: "Agents",
    width: "minmax(90px, 1fr)",
    sortable: false,
    show: agentsOf,
  },
  {
    key: "logprob_mean",
    title: "Logprob",
    width: "76px",
    right: true,
    show: (row) => number(row.logprob_mean),
  },
  {
    key: "gap_max",
    title: "Max gap",
    width: "76px",
    right: true,
    show: (row) => number(row.gap_max),
  },
  {
    key: "seconds",
    title: "Time",
    width: "60px",
    right: true,
    show: (row) => seconds(row.seconds),
  },
  {
    key: "branches",
    title: "Remarks",
    width: "minmax(150px, 1.7fr)",
    show: remarksOf,
  },
];
const NARROW = [
  { ...WIDE[0], width: "42px" },
  {
    ...WIDE[1],
    width: "minmax(60px, 1fr)",
    show: ({ task }) => ends(task, 11),
  },
  {
    ...WIDE[2],
    width: "58px",
    show: ({ reward, stage }) =>
      stage ? h("span.bad", null, "failed") : number(reward),
  },
  { ...WIDE[4], width: "56px" },
];

const RANGES = [
  "from",
  "to",
  "minReward",
  "maxReward",
  "minSampled",
  "maxSampled",
];

const OUTCOMES = {
  "": "any outcome",
  solved: "solved",
  unsolved: "not solved",
  failed: "failed",
};

const REMARKS = {
  "": "any remark",
  branches: "branched",
  untrainable: "untrainable calls",
  cut: "cut by length",
  clipped: "clipped tokens",
};

const KINDS = {
  train: "training",
  sampled: "held-out, sampled",
  greedy: "held-out, greedy",
};

/** A table of episodes to filter and sort; its state is the address, so that it can be shared. */
export function showEpisodes(page, { params, app }) {
  const ids = [...app.shown].sort((a, b) => a - b);
  const run = ids.includes(Number(params.get("run")))
    ? Number(params.get("run"))
    : ids[0];
  const state = {
    sort: "id",
    order: "desc",
    ...Object.fromEntries(params),
    run,
  };
  const total = h("span.quiet.small.number", { role: "status" });
  let timer;

  /** Changes a filter, and the address with it, without a new page of history for each letter. */
  function change(changes) {
    for (const [name, value] of Object.entries(changes)) {
      if (value === "" || value === undefined) delete state[name];
      else state[name] = value;
    }
    history.replaceState(null, "", `#/episodes?${new URLSearchParams(state)}`);
    clearTimeout(timer);
    timer = setTimeout(() => table.reload(), 120);
  }
  function select(name, label, options) {
    return h(
      "select",
      {
        "aria-label": label,
        onchange: ({ target }) => change({ [name]: target.value }),
      },
      Object.entries(options).map(([value, text]) =>
        h("option", { value, selected: (state[name] ?? "") === value }, text)
      ),
    );
  }
  function field(name, placeholder, step = "any") {
    return h("input", {
      type: "number",
      step,
      placeholder,
      "aria-label": placeholder,
      value: state[name] ?? "",
      oninput: ({ target }) => change({ [name]: target.value }),
    });
  }
  const search = h("input", {
    type: "search",
    placeholder: "Task or question",
    "aria-label": "Task or question",
    value: state.task ?? "",
    oninput: ({ target }) => change({ task: target.value }),
  });
  const agents = app.runs[run].agents;

  const columns = innerWidth < 720 ? NARROW : WIDE;
  const table = virtualTable({
    label: "Episodes",
    columns,
    sort: state,
    load: (offset, limit) =>
      ask(`runs/${run}/episodes`, { ...state, offset, limit }),
    open: (row) => app.go(`/episode/${run}/${row.id}`),
    address: (row) => `#/episode/${run}/${row.id}`,
    onSort(key) {
      const order = state.sort === key && state.order === "desc"
        ? "asc"
        : "desc";
      app.go(
        `/episodes?${new URLSearchParams({ ...state, sort: key, order })}`,
      );
    },
  });
  table.element.classList.add("tall");
  table.element.addEventListener("total", ({ detail }) => {
    total.textContent = detail === 1
      ? "1 episode"
      : `${count(detail)} episodes`;
  });

  const narrow = columns === NARROW;
  const ranged = RANGES.some((name) => name in state);
  const selects = [
    select("kind", "Kind", { "": "all kinds", ...KINDS }),
    select("outcome", "Outcome", OUTCOMES),
    agents.length > 1 && select("agent", "Agent", {
      "": "any agent",
      ...Object.fromEntries(agents.map((agent) => [agent, agent])),
    }),
    select("having", "Remark", REMARKS),
    h("button", { onclick: () => app.go(`/episodes?run=${run}`) }, "Clear"),
  ];
  page.append(
    h("div.row.spread", null, h("h1", null, "Episodes"), total),
    h(
      "div.filters",
      null,
      search,
      ids.length > 1 &&
        select(
          "run",
          "Run",
          Object.fromEntries(ids.map((id) => [String(id), app.runs[id].name])),
        ),
      !narrow && selects,
    ),
    h(
      "details",
      { open: ranged },
      h("summary", null, narrow ? "More filters" : "Ranges"),
      h(
        "div.filters.below",
        null,
        narrow && selects,
        field("from", "Step from", 1),
        field("to", "to step", 1),
        field("minReward", "Reward from"),
        field("maxReward", "to reward"),
        field("minSampled", "Tokens from", 1),
        field("maxSampled", "to tokens", 1),
      ),
    ),
    table.element,
  );
  if (ids.length > 1) {
    page.querySelector("select[aria-label=Run]").onchange = ({ target }) =>
      app.go(
        `/episodes?${new URLSearchParams({ ...state, run: target.value })}`,
      );
  }
  fill(total, "…");

  const stop = onChange((event) => event.run === run && table.reload());
  const onKey = (event) => {
    if (event.key !== "/" || event.target.closest?.("input, select")) return;
    event.preventDefault();
    search.focus();
  };
  addEventListener("keydown", onKey);
  page.addEventListener("shown", () => {
    table.reload();
    table.element.focus({ preventScroll: true });
  });
  return () => {
    clearTimeout(timer);
    stop();
    removeEventListener("keydown", onKey);
    table.close();
  };
}

function rewardOf({ reward, success, stage }) {
  if (stage !== null) return h("span.tag.bad", null, "failed");
  const share = Math.max(0, Math.min(1, reward ?? 0));
  return [
    h("span", { class: success ? "good" : "" }, number(reward)),
    h(
      "span.meter",
      { "aria-hidden": "true" },
      h("i", { style: { "--share": `${share * 100}%` } }),
    ),
  ];
}

function agentsOf({ agents }) {
  const names = JSON.parse(agents);
  return names.length === 1 && names[0] === "default" ? "" : names.join(", ");
}

/** What is special about an episode, in a few words. */
export function remarksOf(
  { kind, stage, branches, untrainable, cut, clipped, attempts },
) {
  const remark = (shown, text, tone = "") =>
    shown ? [h("span", { class: `tag ${tone}` }, text), " "] : null;
  return [
    remark(kind !== "train", KINDS[kind] ?? kind),
    remark(stage !== null, stage, "bad"),
    remark(
      kind === "train" && untrainable > 0,
      `${untrainable} untrainable`,
      "bad",
    ),
    remark(cut > 0, "cut", "warning"),
    remark(
      branches > 0,
      `${branches} ${branches === 1 ? "branch" : "branches"}`,
    ),
    remark(clipped > 0, `${clipped} clipped`),
    remark(attempts > 1, `${attempts} attempts`),
  ];
}
