import { ASTunerError } from "../errors.ts";
import { NO_NODE, TOKEN_LIMIT, Trie } from "./_trie.ts";
import type {
  BranchCause,
  BranchKind,
  Call,
  Recorded,
  Timeline,
} from "./types.ts";
import { untrainableReason } from "./untrainable_reason.ts";

/** The node was sampled by some call. */
const SAMPLED = 1;
/** A node above it was sampled by some call. */
const FOLLOWS_SAMPLE = 2;

/**
 * Every call of one episode, as the engine saw it, with each shared prefix stored once.
 *
 * Tokens are compared by id, never by text, so two calls share a node only when the engine saw the
 * same tokens up to there. A sampled token belongs to the call that sampled it: a repeated sample
 * shares nodes but remains a call of its own.
 */
export class TokenTree {
  readonly #trie: Trie;
  readonly #calls = new Map<string, Recorded>();
  readonly #agents = new Set<string>();
  /** What is known of each node: `SAMPLED`, `FOLLOWS_SAMPLE`. */
  #marks = new Uint8Array(256);

  constructor(trie: Trie = new Trie()) {
    this.#trie = trie;
  }

  /** Number of distinct nodes. */
  get size(): number {
    return this.#trie.size;
  }

  /** Token id of each node, `[size]`; valid until the next `record`. */
  get tokens(): Uint32Array {
    return this.#trie.tokens;
  }

  /** Parent of each node, always an earlier one, −1 at a root, `[size]`; valid until the next `record`. */
  get parents(): Int32Array {
    return this.#trie.parents;
  }

  /** The calls, in order of recording. */
  get calls(): readonly Recorded[] {
    return [...this.#calls.values()];
  }

  /**
   * Inserts a call's prompt and sampled tokens.
   *
   * Costs O(new tokens) where `call.extends` names a recorded call of that length, otherwise O(path).
   *
   * @throws {ASTunerError} If the call's id was used before, or a token id is not one.
   */
  record(call: Call): Recorded {
    if (this.#calls.has(call.id)) {
      throw new ASTunerError(`Cannot record call "${call.id}" twice`);
    }
    const { prompt, tokens } = call;
    const length = prompt.length + tokens.length;
    const path = (at: number) =>
      at < prompt.length ? prompt[at]! : tokens[at - prompt.length]!;

    let { node, shared } = this.#start(call);
    while (shared < length) {
      const next = this.#trie.find(node, path(shared));
      if (next === NO_NODE) break;
      node = next;
      shared++;
    }
    for (let at = shared; at < length; at++) checkToken(path(at), call.id);

    const branch = shared < length
      ? this.#branchCause(call, node, shared, path(shared))
      : undefined;
    for (let at = shared; at < length; at++) {
      node = this.#trie.add(node, path(at));
    }
    const untrainable = untrainableReason(call);
    return this.#keep({
      id: call.id,
      agent: call.agent,
      ...(call.adapter !== undefined && { adapter: call.adapter }),
      promptLength: prompt.length,
      sampledLength: tokens.length,
      leaf: node,
      logprobs: Float32Array.from(call.logprobs),
      temperature: call.temperature,
      finishReason: call.finishReason,
      policyVersion: call.policyVersion,
      shared,
      added: length - shared,
      ...(branch && { branch }),
      ...(untrainable !== undefined && { untrainable }),
    });
  }

  /** Every token path that ends in a call which no other call continues, in order of recording. */
  timelines(): Timeline[] {
    const tokens = this.tokens;
    const logprobs = new Float32Array(this.size).fill(NaN);
    for (const call of this.#calls.values()) this.#write(call, logprobs);
    const ends = this.calls.filter((call) =>
      call.leaf !== NO_NODE && this.#trie.firstChild(call.leaf) === NO_NODE
    );
    return ends.map((end) => {
      this.#write(end, logprobs); // its own sample, where another call sampled the same tokens
      const path = this.path(end.leaf);
      return {
        call: end.id,
        agent: end.agent,
        tokens: path.map((node) => tokens[node]!),
        trained: Uint8Array.from(
          path,
          (node) => Number.isNaN(logprobs[node]) ? 0 : 1,
        ),
        logprobs: Float32Array.from(path, (node) => logprobs[node]!),
      };
    });
  }

  /**
   * Takes calls out of training that are known only afterwards not to serve it; they stay recorded.
   *
   * @param reasonOf Why a call that could be trained shall not be; undefined to leave it.
   */
  exclude(reasonOf: (call: Recorded) => string | undefined): void {
    for (const call of this.calls) {
      if (call.untrainable !== undefined) continue;
      const untrainable = reasonOf(call);
      if (untrainable !== undefined) {
        this.#calls.set(call.id, { ...call, untrainable });
      }
    }
  }

  /**
   * The same tree, in which only the calls that `keeps` takes yield loss terms. It shares its nodes with this one:
   * nothing may be recorded in either from then on.
   */
  limited(keeps: (call: Recorded) => boolean): TokenTree {
    const tree = new TokenTree(this.#trie);
    for (const call of this.calls) tree.#calls.set(call.id, call);
    tree.exclude((call) => keeps(call) ? undefined : "another adapter's call");
    return tree;
  }

  /** Nodes of the call's sampled tokens, in order, `[call.sampledLength]`. */
  sampledNodes(call: Recorded): Uint32Array {
    const parents = this.parents;
    const nodes = new Uint32Array(call.sampledLength);
    let node = call.leaf;
    for (let at = nodes.length - 1; at >= 0; at--) {
      nodes[at] = node;
      node = parents[node]!;
    }
    return nodes;
  }

  /** Nodes from the root to `node`. */
  path(node: number): Uint32Array {
    const parents = this.parents;
    const path: number[] = [];
    for (let at = node; at !== NO_NODE; at = parents[at]!) path.push(at);
    return Uint32Array.from(path.reverse());
  }

  /** Where the walk of a new call begins: below the call it extends, or above the roots. */
  #start(call: Call): { node: number; shared: number } {
    const base = call.extends && this.#calls.get(call.extends.call);
    if (base !== undefined) {
      const shared = base.promptLength + base.sampledLength;
      const opens = shared === call.extends!.length &&
        shared <= call.prompt.length &&
        this.#trie.tokens[base.leaf] === call.prompt[shared - 1];
      if (opens) return { node: base.leaf, shared };
    }
    return { node: NO_NODE, shared: 0 };
  }

  #branchCause(
    call: Call,
    node: number,
    depth: number,
    found: number,
  ): BranchCause | undefined {
    const sibling = this.#trie.firstChild(node);
    if (sibling === NO_NODE) return undefined;
    return {
      kind: this.#branchKind(call, depth, sibling),
      depth,
      expected: this.tokens[sibling]!,
      found,
      ...(call.rewrite !== undefined && { detail: call.rewrite }),
    };
  }

  #branchKind(call: Call, depth: number, sibling: number): BranchKind {
    if (call.rewrite !== undefined) return "rewritten-history";
    if (!this.#agents.has(call.agent)) return "other-agent";
    if (depth === 0) return "new-root";
    if (depth >= call.prompt.length) return "resample";
    const mark = this.#marks[sibling]!;
    if (mark & SAMPLED) return "rewritten-history";
    return mark & FOLLOWS_SAMPLE ? "parallel" : "new-conversation";
  }

  #keep(call: Recorded): Recorded {
    this.#calls.set(call.id, call);
    this.#agents.add(call.agent);
    this.#mark(call);
    return call;
  }

  #mark(call: Recorded): void {
    if (this.#marks.length < this.size) {
      const marks = new Uint8Array(2 * this.size);
      marks.set(this.#marks);
      this.#marks = marks;
    }
    const parents = this.parents;
    for (const node of this.sampledNodes(call)) this.#marks[node]! |= SAMPLED;
    for (let node = this.size - call.added; node < this.size; node++) {
      if (this.#marks[parents[node]!]) this.#marks[node]! |= FOLLOWS_SAMPLE;
    }
  }

  #write(call: Recorded, logprobs: Float32Array): void {
    if (call.untrainable !== undefined) return;
    const nodes = this.sampledNodes(call);
    nodes.forEach((node, at) => logprobs[node] = call.logprobs[at]!);
  }
}

function checkToken(token: number, call: string): void {
  if (Number.isInteger(token) && token >= 0 && token < TOKEN_LIMIT) return;
  throw new ASTunerError(
    `Cannot record call "${call}": ${token} is not a token id (a whole number from 0 to ${
      TOKEN_LIMIT - 1
    })`,
  );
}
