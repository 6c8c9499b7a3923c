/** First id no token may reach: a child's key packs the parent and the token into 53 bits. */
export const TOKEN_LIMIT = 2 ** 22;

/** The parent of a root. */
export const NO_NODE = -1;

/**
 * A growing set of token sequences that stores every shared prefix once.
 *
 * Nodes are numbered in order of insertion, so a parent always precedes its children. Almost every
 * node has one child: that one is kept in an array, and only the others go to a map.
 */
export class Trie {
  #size = 0;
  #tokens = new Uint32Array(256);
  #parents = new Int32Array(256);
  /** Oldest child of each node, at `node + 1`: the roots are the children of node −1. */
  #firstChild = new Int32Array(256).fill(NO_NODE);
  readonly #otherChildren = new Map<number, number>();

  /** Number of nodes. */
  get size(): number {
    return this.#size;
  }

  /** Token id of each node, `[size]`; a view that the next insertion may detach. */
  get tokens(): Uint32Array {
    return this.#tokens.subarray(0, this.#size);
  }

  /** Parent of each node, −1 at a root, `[size]`; a view that the next insertion may detach. */
  get parents(): Int32Array {
    return this.#parents.subarray(0, this.#size);
  }

  /** The node's oldest child, or −1. */
  firstChild(node: number): number {
    return this.#firstChild[node + 1]!;
  }

  /** The child of `node` that holds `token`, or −1. */
  find(node: number, token: number): number {
    const first = this.#firstChild[node + 1]!;
    if (first === NO_NODE || this.#tokens[first] === token) return first;
    return this.#otherChildren.get(key(node, token)) ?? NO_NODE;
  }

  /** Adds a child that `find` did not find, and returns it. */
  add(node: number, token: number): number {
    const child = this.#size;
    if (child + 2 > this.#tokens.length) this.#grow();
    this.#tokens[child] = token;
    this.#parents[child] = node;
    this.#firstChild[child + 1] = NO_NODE;
    if (this.#firstChild[node + 1] === NO_NODE) {
      this.#firstChild[node + 1] = child;
    } else {
      this.#otherChildren.set(key(node, token), child);
    }
    this.#size++;
    return child;
  }

  /** Takes back the youngest nodes until `size` are left. */
  truncate(size: number): void {
    while (this.#size > size) {
      const child = --this.#size;
      const parent = this.#parents[child]!;
      if (this.#firstChild[parent + 1] === child) {
        this.#firstChild[parent + 1] = NO_NODE;
      } else {
        this.#otherChildren.delete(key(parent, this.#tokens[child]!));
      }
    }
  }

  /** Nodes that are not their parent's oldest child, in order of insertion. */
  otherChildren(): Iterable<number> {
    return this.#otherChildren.values();
  }

  #grow(): void {
    const capacity = this.#tokens.length * 2;
    const tokens = new Uint32Array(capacity);
    tokens.set(this.#tokens);
    this.#tokens = tokens;
    const parents = new Int32Array(capacity);
    parents.set(this.#parents);
    this.#parents = parents;
    const firstChild = new Int32Array(capacity).fill(NO_NODE);
    firstChild.set(this.#firstChild);
    this.#firstChild = firstChild;
  }
}

function key(node: number, token: number): number {
  return (node + 1) * TOKEN_LIMIT + token;
}
