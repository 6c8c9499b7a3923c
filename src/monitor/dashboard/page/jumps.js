/** Tokens that a jump goes through. */
const MOST = 50;

/** Nodes of sampled tokens by a number of theirs, the lowest first; those without one are left out. */
export function ranked(episode, tree, value) {
  const found = tree.nodes.flatMap(({ samples }, node) =>
    samples.map(({ call, at }) => [node, value(episode.calls[call], at)])
  );
  return found.filter(([, rank]) => rank !== null)
    .sort(([, a], [, b]) => a - b).slice(0, MOST).map(([node]) => node);
}

/** Goes through `nodes`, one at each call, and begins again at the end. */
export function jumper(nodes) {
  let next = 0;
  const jump = () => nodes[next++ % nodes.length];
  Object.defineProperty(jump, "length", { value: nodes.length });
  return jump;
}

/** The token after or before another one, along the first path; the first one where none is chosen. */
export function neighbour(tree, node, after) {
  if (node === null) return tree.roots[0];
  return after ? tree.children[node][0] ?? node + 1 : tree.nodes[node].parent;
}

/** The node that an address names: `n12`, or `2.5` for token 5 that call 2 sampled. */
export function nodeOf(text, episode, tree) {
  if (text === null) return null;
  const node = /^n(\d+)$/.exec(text);
  if (node) return Number(node[1]);
  const [call, at] = text.split(".").map(Number);
  const sampled = episode.calls[call]?.sampled ?? 0;
  return tree.sampled(call, sampled)[at] ?? null;
}

/** An episode as text: each call's new tokens, as the engine saw them. */
export function textOf({ calls }, tiles) {
  return calls.map(({ agent, path }, number) => {
    const bytes = path.flatMap((id) => [...tiles.token(id).bytes]);
    const text = new TextDecoder().decode(Uint8Array.from(bytes));
    return `--- call ${number}, ${agent} ---\n${text}`;
  }).join("\n\n");
}
