import { ask } from "./api.js";
import { aboutCall, chatView } from "./chat.js";
import { copy, fill, h } from "./dom.js";
import { number, seconds } from "./format.js";
import { wordsOf } from "./group.js";
import { PAINTS } from "./paint.js";
import { Tiles } from "./tiles.js";
import { Tree } from "./tree.js";
import { visible } from "./visible.js";

/** What was chosen stays from one episode to the next. */
const chosen = { paint: "logprob", view: "tree" };

/** One episode, to the token. */
export async function showEpisode(page, { parts: [run, id], params, app }) {
  const episode = await ask(`runs/${run}/episodes/${id}`);
  if (params.get("color") in PAINTS) chosen.paint = params.get("color");
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
    ranked(
      episode,
      tree,
      (call, at) => Math.abs(PAINTS.gap.value(call, at) ?? -1),
      true,
    ),
  );
  const lows = jumper(
    ranked(episode, tree, (call, at) => call.logprobs[at], false),
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
    header(episode, run),
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
        onclick: () => copy(textOf(episode, tree, tiles), "Text"),
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
        about(episode),
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
  body.addEventListener("pointerover", ({ target, pointerType }) => {
    const node = target.closest("[data-node]")?.dataset.node;
    if (node !== undefined && pointerType === "mouse") show(Number(node));
  });
  body.addEventListener("pointerleave", () => show(selected));

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

function header(episode, run) {
  const {
    task,
    step,
    kind,
    place,
    reward,
    success,
    error,
    siblings,
    group,
    calls,
  } = episode;
  const advantage = calls.find((call) => call.advantage?.length > 0)
    ?.advantage[0];
  const facts = [
    `step ${step}`,
    kind === "train" ? null : `held-out, ${kind}`,
    `episode ${place} of ${siblings.length}`,
    advantage === undefined ? null : `advantage ${number(advantage)}`,
    `${calls.length} calls`,
    `${seconds(episode.seconds)}`,
  ];
  return h(
    "div.stack",
    { style: { gap: "8px" } },
    h(
      "div.row.spread",
      null,
      h(
        "div",
        null,
        h("h1", null, task),
        h(
          "p.quiet.small",
          null,
          facts.filter((fact) => fact !== null).join(" · "),
        ),
      ),
      h(
        "div.row",
        null,
        h(
          `span.tag.${error !== null ? "bad" : success ? "good" : "warning"}`,
          null,
          error !== null
            ? `failed in ${error.stage}`
            : `reward ${number(reward)}`,
        ),
        h(
          "a.button",
          { href: `#/group/${run}/${group}`, title: "u" },
          "Group side by side",
        ),
      ),
    ),
    h(
      "nav.siblings",
      { "aria-label": "Episodes of the group" },
      siblings.map((sibling) =>
        h("a", {
          href: `#/episode/${run}/${sibling.id}`,
          class: sibling.failed ? "failed" : sibling.success ? "solved" : "",
          title: `Episode ${sibling.place}`,
          "aria-current": sibling.id === episode.id ? "page" : null,
        }, sibling.failed ? "✕" : number(sibling.reward))
      ),
    ),
  );
}

function about({ query, error, parts, metadata, log }) {
  const words = wordsOf(metadata);
  const left = Object.entries(metadata).filter(([, value]) => value !== words);
  const section = (title, ...children) =>
    h("section.card", { "aria-label": title }, h("h2", null, title), children);
  return [
    error !== null &&
    section("Error", h("pre.bad", null, `${error.stage}: ${error.message}`)),
    section("Question", h("pre", null, query)),
    words !== null && section("Judge", h("p", null, words)),
    Object.keys(parts).length > 0 &&
    section(
      "Reward parts",
      h(
        "dl.facts",
        null,
        Object.entries(parts).map((
          [name, value],
        ) => [h("dt", null, name), h("dd", null, number(value))]),
      ),
    ),
    left.length > 0 &&
    section(
      "Left with the episode",
      h("pre.small", null, JSON.stringify(Object.fromEntries(left), null, 2)),
    ),
    log.trim() !== "" &&
    h(
      "details.card",
      null,
      h("summary", null, "Log"),
      h("pre.small", null, log),
    ),
  ];
}

function outlineView(episode, tree, tiles) {
  const outlines = tree.outline();
  return h(
    "div.outline",
    null,
    outlines.map((outline, at) =>
      at === 0 ? outline.blocks.map(blockOf) : branchOf(outline)
    ),
  );

  function blockOf({ call: number, sampled, nodes, branches }) {
    const call = episode.calls[number];
    const who = call.agent === "default"
      ? (sampled ? "assistant" : "prompt")
      : sampled
      ? call.agent
      : `prompt of ${call.agent}`;
    return [
      h(
        "section.block",
        {
          class: sampled
            ? call.untrainable === null ? "sampled" : "untrainable"
            : "",
        },
        h(
          "header",
          null,
          h("b", null, who),
          h(
            "span",
            null,
            sampled
              ? aboutCall(call, number)
              : `call ${number} · ${nodes.length} ${
                nodes.length === 1 ? "token" : "tokens"
              }, not trained on`,
          ),
          sampled && call.untrainable !== null &&
            h("span.bad", null, `not trained on: ${call.untrainable}`),
        ),
        tiles.block(nodes),
      ),
      branches.map(branchOf),
    ];
  }

  function branchOf({ first, blocks }) {
    return h("div.branch", null, causeOf(first), blocks.map(blockOf));
  }

  /** Why a path leaves the one below it; told by whichever of the two came later. */
  function causeOf(first) {
    const own = branchAt(first);
    const { parent } = tree.nodes[first];
    const others = parent < 0 ? tree.roots : tree.children[parent];
    const later = own ?? others.map(branchAt).find(Boolean);
    if (later === undefined) return null;
    const { kind, depth, expected, found, detail } = later.branch;
    const name = `↳ ${kind.replaceAll("-", " ")}`;
    const [here, there] = own ? [found, expected] : [expected, found];
    return h(
      "p.cause",
      null,
      h("b", null, own ? name : `${name} of call ${later.number}, below`),
      `after ${depth} ${depth === 1 ? "token" : "tokens"}:`,
      face(here),
      own ? "instead of" : "stood here, there is",
      face(there),
      detail && h("span", null, detail),
    );
  }

  /** The branch that begins with a node. */
  function branchAt(node) {
    const { call: number } = tree.nodes[node];
    const { branch, path } = episode.calls[number];
    const starts = tree.leaves[number] - path.length + 1 === node;
    return branch !== null && starts ? { number, branch } : undefined;
  }

  function face(id) {
    const { text, hex } = tiles.token(id);
    return h("code.token", { title: `token ${id}` }, visible(text ?? hex));
  }
}

function tokenFacts(node, { episode, tree, tiles, shared, address, close }) {
  const { token: id, depth, samples } = tree.nodes[node];
  const token = tiles.token(id);
  const rows = [["id", String(id)], ["bytes", token.hex || "none"], [
    "position",
    number(depth),
  ]];
  if (token.special) rows.push(["kind", "special token"]);
  if (samples.length === 0) rows.push(["trained", "no: part of a prompt"]);
  for (const { call: at, at: index } of samples) {
    const call = episode.calls[at];
    const logprob = call.logprobs[index];
    const trainer = call.trainer?.[index] ?? null;
    rows.push(
      [
        "sampled by",
        call.agent === "default" ? `call ${at}` : `${call.agent}, call ${at}`,
      ],
      [
        "trained",
        call.untrainable === null
          ? call.trainer === null ? "no: its group teaches nothing" : "yes"
          : `no: ${call.untrainable}`,
      ],
      [
        "probability",
        logprob === null ? "–" : `${number(100 * Math.exp(logprob))} %`,
      ],
      ["logprob, engine", number(logprob)],
      ["logprob, trainer", number(trainer)],
      [
        "gap",
        trainer === null || logprob === null ? "–" : number(trainer - logprob),
      ],
    );
    if (call.reference !== null) {
      rows.push(["logprob, reference", number(call.reference[index])]);
    }
    rows.push(
      ["advantage", number(call.advantage?.[index] ?? null)],
      [
        "ratio",
        call.trainer === null
          ? "–"
          : `${number(call.ratio?.[index] ?? 1)}${
            call.clipped?.[index] ? ", clipped" : ""
          }`,
      ],
      ["policy version", String(call.version)],
    );
  }
  if (shared !== null) {
    const places = shared.find(({ from, to }) =>
      from <= node && node < to
    )?.places ?? [];
    rows.push([
      "shared with",
      places.length === 0
        ? "no other episode"
        : `episodes ${places.join(", ")}`,
    ]);
  }
  return [
    h(
      "div.row.spread",
      null,
      h("h2", null, "Token"),
      h(
        "span",
        null,
        h("button.bare.small", {
          onclick: () => copy(new URL(address(), location.href).href, "Link"),
        }, "Copy link"),
        h("button.bare.small", {
          onclick: close,
          title: "Escape",
          "aria-label": "Close",
        }, "✕"),
      ),
    ),
    h(
      "div.face",
      null,
      token.text === null
        ? `${token.hex} (part of a character)`
        : visible(token.text) || "∅",
    ),
    h(
      "dl.facts",
      null,
      rows.map(([name, value]) => [h("dt", null, name), h("dd", null, value)]),
    ),
  ];
}

/** Nodes of sampled tokens by a number of theirs, highest or lowest first. */
function ranked(episode, tree, value, highest) {
  const found = [];
  tree.nodes.forEach(({ samples }, node) => {
    for (const { call, at } of samples) {
      const rank = value(episode.calls[call], at);
      if (rank !== null && rank >= (highest ? 0 : -Infinity)) {
        found.push([node, rank]);
      }
    }
  });
  return found.sort(([, a], [, b]) => highest ? b - a : a - b).slice(0, 50).map(
    ([node]) => node,
  );
}

/** Goes through `nodes`, one at each call, and begins again at the end. */
function jumper(nodes) {
  let next = 0;
  const jump = () => nodes[next++ % nodes.length];
  Object.defineProperty(jump, "length", { value: nodes.length });
  return jump;
}

/** The token after or before another one, along the first path; the first one where none is chosen. */
function neighbour(tree, node, after) {
  if (node === null) return tree.roots[0];
  return after ? tree.children[node][0] ?? node + 1 : tree.nodes[node].parent;
}

/** The node that an address names: `n12`, or `2.5` for token 5 that call 2 sampled. */
function nodeOf(text, episode, tree) {
  if (text === null) return null;
  const node = /^n(\d+)$/.exec(text);
  if (node) return Number(node[1]);
  const [call, at] = text.split(".").map(Number);
  const sampled = episode.calls[call]?.sampled ?? 0;
  return tree.sampled(call, sampled)[at] ?? null;
}

/** An episode as text: each call's new tokens, as the engine saw them. */
function textOf(episode, tree, tiles) {
  return episode.calls.map((call, number) => {
    const bytes = tree.path(tree.leaves[number]).flatMap((
      node,
    ) => [...tiles.token(tree.nodes[node].token).bytes]);
    return `--- call ${number}, ${call.agent} ---\n${
      new TextDecoder().decode(Uint8Array.from(bytes))
    }`;
  }).join("\n\n");
}
