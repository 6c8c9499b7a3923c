/** An episode's token tree, rebuilt from its calls. */
export class Tree {
  /** `{token, parent, depth, call, samples}` by number; samples are `{call, at}`, first ones first. */
  nodes = [];
  /** Children of each node, in order of recording. */
  children = [];
  /** Nodes that have no parent. */
  roots = [];
  /** Last node of each call. */
  leaves = [];

  constructor(calls) {
    calls.forEach((call, number) => {
      let last = call.after;
      for (const token of call.path) last = this.#add(token, last, number);
      this.leaves.push(last);
    });
    calls.forEach((call, number) => {
      let node = this.leaves[number];
      for (let at = call.sampled - 1; at >= 0; at--) {
        this.nodes[node].samples.push({ call: number, at });
        node = this.nodes[node].parent;
      }
    });
  }

  #add(token, parent, call) {
    const depth = parent < 0 ? 0 : this.nodes[parent].depth + 1;
    const node = this.nodes.push({ token, parent, depth, call, samples: [] }) -
      1;
    this.children.push([]);
    (parent < 0 ? this.roots : this.children[parent]).push(node);
    return node;
  }

  /** Nodes that a call sampled, in order. */
  sampled(call, length) {
    const nodes = [];
    for (
      let node = this.leaves[call];
      nodes.length < length;
      node = this.nodes[node].parent
    ) nodes.push(node);
    return nodes.reverse();
  }

  /** Nodes from the root to `node`. */
  path(node) {
    const path = [];
    for (let at = node; at >= 0; at = this.nodes[at].parent) path.push(at);
    return path.reverse();
  }

  /**
   * The tree for reading: a path that follows the largest subtree, cut where the speaker changes, with
   * the branches that leave it at each cut. So branches stand in at most log₂(size) levels.
   */
  outline() {
    const sizes = this.nodes.map(() => 1);
    for (let node = this.nodes.length - 1; node >= 0; node--) {
      const { parent } = this.nodes[node];
      if (parent >= 0) sizes[parent] += sizes[node];
    }
    const heaviest = (nodes) =>
      nodes.reduce(
        (best, node) => sizes[node] > sizes[best] ? node : best,
        nodes[0],
      );
    const build = (start) => {
      const blocks = [];
      let block = null;
      for (let node = start; node !== undefined;) {
        const { samples, call } = this.nodes[node];
        const speaker = samples.length > 0 ? samples[0].call : -1 - call;
        if (block === null || block.speaker !== speaker) {
          block = {
            speaker,
            call: samples[0]?.call ?? call,
            sampled: samples.length > 0,
            nodes: [],
            branches: [],
          };
          blocks.push(block);
        }
        block.nodes.push(node);
        const next = this.children[node];
        const main = heaviest(next);
        const others = next.filter((child) => child !== main);
        if (others.length > 0) {
          block.branches = others.map(build);
          block = null;
        }
        node = main;
      }
      return { first: start, blocks };
    };
    return this.roots.map(build);
  }
}
