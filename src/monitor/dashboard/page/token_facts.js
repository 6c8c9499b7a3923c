import { copy, h } from "./dom.js";
import { number } from "./format.js";
import { visible } from "./visible.js";

/** Everything that is known of a token. */
export function tokenFacts(
  node,
  { episode, tree, tiles, shared, address, close },
) {
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
    if (call.adapter !== null) rows.push(["adapter", call.adapter]);
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
