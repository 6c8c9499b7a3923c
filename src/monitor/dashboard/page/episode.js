import { ask } from "./api.js";
import { chatView } from "./chat.js";
import { copy, fill, h } from "./dom.js";
import { aboutEpisode, episodeHeader } from "./episode_facts.js";
import { jumper, neighbour, nodeOf, ranked, textOf } from "./jumps.js";
import { outlineView } from "./outline.js";
import { PAINTS } from "./paint.js";
import { Tiles } from "./tiles.js";
import { tokenFacts } from "./token_facts.js";
import { Tree } from "./tree.js";

/** What was chosen stays from one episode to the next. */
const chosen = { paint: "logprob", view: "tree" };

/** One episode, to the token. */
export async function showEpisode(page, { parts: [run, id], params, app }) {
  const episode = await ask(`runs/${run}/episodes/${id}`);
  if (Object.hasOwn(PAINTS, params.get("color"))) {
    chosen.paint = params.get("color");
  }
  const tree = new Tree(episode.calls);
  const tiles = new Tiles(episode, tree, PAINTS[chosen.paint]);
  const body = h("div.body");
  const panel = h("section.card.panel.none", {
    "aria-label": "Token",
    "aria-live": "polite",
  });
  const scale = h("span.scale");
  /** Places of the other episodes of the group that have the token too; known a little later. */
  let shared = null;
  let selected = null;

  const address = () =>
    `#/episode/${run}/${id}?${new URLSearchParams({
      color: chosen.paint,
      ...(selected !== null && { token: `n${selected}` }),
    })}`;

  function show(node) {
    panel.classList.toggle("none", node === null);
    fill(
      panel,
      node === null
        ? h("p.quiet", null, "Point at a token, or walk with ← and →.")
        : tokenFacts(node, {
          episode,
          tree,
          tiles,
          shared,
          address,
          close,
        }),
    );
  }

  function select(node, { scroll = true } = {}) {
    if (node === undefined || node === null || !(node in tree.nodes)) return;
    for (const element of body.querySelectorAll(".chosen")) {
      element.classList.remove("chosen");
    }
    selected = node;
    const element = tiles.element(node);
    element?.classList.add("chosen");
    if (scroll) element?.scrollIntoView({ block: "center", behavior: "auto" });
    show(node);
    history.replaceState(null, "", address());
  }

  function close() {
    selected = null;
    for (const element of body.querySelectorAll(".chosen")) {
      element.classList.remove("chosen");
    }
    show(null);
    history.replaceState(null, "", address());
  }

  function draw() {
    tiles.clear();
    fill(
      body,
      chosen.view === "tree"
        ? outlineView(episode, tree, tiles)
        : chatView(episode, tree, tiles),
    );
    if (selected !== null) select(selected, { scroll: false });
  }

  const paints = h(
    "select",
    {
      "aria-label": "Colour by",
      onchange: ({ target }) => paint(target.value),
    },
    Object.entries(PAINTS).map(([name, { title }]) =>
      h("option", { value: name, selected: name === chosen.paint }, title)
    ),
  );
  function paint(name) {
    chosen.paint = name;
    paints.value = name;
    tiles.repaint(PAINTS[name]);
    showScale();
    history.replaceState(null, "", address());
  }
  function showScale() {
    const { ends: [low, high], scale: color } = PAINTS[chosen.paint];
    const steps = Array.from(
      { length: 11 },
      (_, at) => h("i", { style: { background: color(at / 10) } }),
    );
    fill(
      scale,
      low,
      h("span.bar-of-colors", { "aria-hidden": "true" }, steps),
      high,
    );
  }

  const views = ["tree", "chat"].map((view) =>
    h("button", {
      "aria-pressed": String(view === chosen.view),
      onclick: () => turn(view),
    }, view === "tree" ? "Token tree" : "Chat")
  );
  function turn(view) {
    chosen.view = view;
    views.forEach((button, at) =>
      button.setAttribute(
        "aria-pressed",
        String((at === 0) === (view === "tree")),
      )
    );
    draw();
  }

  const gaps = jumper(
    ranked(episode, tree, (call, at) => {
      const gap = PAINTS.gap.value(call, at);
      return gap === null ? null : -Math.abs(gap);
    }),
  );
  const lows = jumper(
    ranked(episode, tree, (call, at) => call.logprobs[at]),
  );
  const branches = jumper(
    episode.calls.flatMap(({ branch, path }, call) =>
      branch === null ? [] : [tree.leaves[call] - path.length + 1]
    ),
  );
  const hop = (jump, paintName) => () => {
    if (paintName && chosen.paint !== paintName) paint(paintName);
    select(jump());
  };
  const actions = {
    g: hop(gaps, "gap"),
    l: hop(lows, "logprob"),
    b: hop(branches),
  };

  page.append(
    episodeHeader(episode, run),
    h(
      "div.tools",
      null,
      h("span.segmented", { role: "group", "aria-label": "View" }, views),
      h("label.field", null, "Colour", paints),
      scale,
      h("button", {
        onclick: actions.g,
        disabled: gaps.length === 0,
        title: "g",
      }, "Highest gap"),
      h("button", {
        onclick: actions.l,
        disabled: lows.length === 0,
        title: "l",
      }, "Lowest logprob"),
      h("button", {
        onclick: actions.b,
        disabled: branches.length === 0,
        title: "b",
      }, `Branches (${branches.length})`),
      h("button", {
        onclick: () => copy(JSON.stringify(episode, null, 2), "Episode"),
        title: "The episode as JSON",
      }, "Copy JSON"),
      h("button", {
        onclick: () => copy(textOf(episode, tiles), "Text"),
        title: "The episode as text",
      }, "Copy text"),
    ),
    h(
      "div.inspector",
      null,
      h("div.card", null, body),
      h(
        "aside.side",
        { "aria-label": "About the episode" },
        panel,
        aboutEpisode(episode),
      ),
    ),
  );
  showScale();
  draw();
  show(null);

  body.addEventListener("click", ({ target }) => {
    const node = target.closest("[data-node]")?.dataset.node;
    if (node !== undefined) select(Number(node), { scroll: false });
  });
  let hovered;
  body.addEventListener("pointermove", (event) => {
    // A page that scrolls under a pointer at rest says nothing about what is looked at.
    if (event.pointerType !== "mouse") return;
    if (event.movementX === 0 && event.movementY === 0) return;
    const node = event.target.closest("[data-node]")?.dataset.node;
    if (node === undefined || node === hovered) return;
    hovered = node;
    show(Number(node));
  });
  body.addEventListener("pointerleave", () => {
    hovered = undefined;
    show(selected);
  });

  const siblings = episode.siblings;
  const own = siblings.findIndex((sibling) => sibling.id === episode.id);
  function onKey(event) {
    if (
      event.ctrlKey || event.metaKey || event.altKey ||
      document.querySelector("dialog[open]")
    ) return;
    if (event.target.closest?.("input, select, textarea")) return;
    const { key } = event;
    if (key in actions) actions[key]();
    else if (key === "v") turn(chosen.view === "tree" ? "chat" : "tree");
    else if (key === "c") {
      const names = Object.keys(PAINTS);
      paint(names[(names.indexOf(chosen.paint) + 1) % names.length]);
    } else if (key === "ArrowRight" || key === "ArrowLeft") {
      event.preventDefault();
      select(neighbour(tree, selected, key === "ArrowRight"));
    } else if (key === "[" || key === "]") {
      const to = siblings[own + (key === "]" ? 1 : -1)];
      if (to) app.go(`/episode/${run}/${to.id}`);
    } else if (key === "u") app.go(`/group/${run}/${episode.group}`);
    else if (key === "Escape") {
      selected = null;
      show(null);
      draw();
    }
  }
  addEventListener("keydown", onKey);
  page.addEventListener("shown", () => {
    const wanted = nodeOf(params.get("token"), episode, tree);
    if (wanted !== null) select(wanted);
    // The episode stands; which others share its tokens can come after.
    ask(`runs/${run}/episodes/${id}/shared`).then((stretches) => {
      shared = stretches;
      if (selected !== null) show(selected);
    }, () => {});
  });
  return () => {
    removeEventListener("keydown", onKey);
    tiles.clear();
  };
}
