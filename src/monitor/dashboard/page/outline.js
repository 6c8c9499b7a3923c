import { aboutCall } from "./chat.js";
import { h } from "./dom.js";
import { visible } from "./visible.js";

/** An episode as its token tree: a main path with the branches that leave it. */
export function outlineView(episode, tree, tiles) {
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
