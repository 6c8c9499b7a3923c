import { type AdapterName, DEFAULT_ADAPTER } from "./parameter_sets.ts";

/** A token whose key and value are in the cache, as a node of a prefix tree. */
interface CachedToken {
  readonly token: number;
  readonly slot: number;
  readonly parent: CachedToken | undefined;
  readonly children: Map<number, CachedToken>;
  /** Running sequences that hold this token. */
  users: number;
}

/** Options of `KvCache.lease`. */
export interface LeaseOptions {
  /** Whose keys and values; a prefix under another adapter is another prefix. @default DEFAULT_ADAPTER */
  readonly adapter?: AdapterName;
}

/** A sequence's place in the cache. */
export interface Lease {
  /** Slot of each position, prompt and room for the continuation. */
  readonly slots: Uint32Array;
  /** Positions `cached … prompt length − 2` are new and must be computed; those before are shared. */
  readonly cached: number;
  /** Deepest shared token. */
  readonly tip: CachedToken;
}

/**
 * Which cache slot holds which token: a prefix tree with one token a slot, so that sequences share whatever they have
 * in common, to the token (as SGLang's radix cache with pages of one; arXiv 2312.07104).
 *
 * Each adapter has a tree of its own, and all share the slots. Only book-keeping: keys and values live on the GPU. Tokens that no running sequence uses stay until their slot is
 * needed, the least recently used leaf first. Slot 0 belongs to nobody.
 */
export class KvCache {
  readonly #free: number[] = [];
  /** Leaves without users, least recently used first. */
  readonly #idle = new Set<CachedToken>();
  /** Tokens without users: what can be evicted, leaf after leaf. */
  #unused = 0;
  readonly #roots = new Map<AdapterName, CachedToken>();

  /** @param slots Tokens the cache holds. */
  constructor(readonly slots: number) {
    this.clear();
  }

  /** Forgets every token; no lease may be out. */
  clear(): void {
    this.#roots.clear();
    this.#idle.clear();
    this.#unused = 0;
    this.#free.length = 0;
    for (let slot = this.slots; slot >= 1; slot--) this.#free.push(slot);
  }

  /** Forgets an adapter's tokens; no lease on them may be out. */
  forget(adapter: AdapterName): void {
    const tokens = [...this.#roots.get(adapter)?.children.values() ?? []];
    this.#roots.delete(adapter);
    for (let token = tokens.pop(); token; token = tokens.pop()) {
      tokens.push(...token.children.values());
      this.#idle.delete(token);
      this.#unused--;
      this.#free.push(token.slot);
    }
  }

  /**
   * Finds slots for a prompt and `room` further tokens. The prompt's last token is never shared: it is the first to be
   * decoded.
   *
   * @returns Undefined if the slots are not to be had until another sequence ends.
   */
  lease(
    prompt: readonly number[],
    room: number,
    { adapter = DEFAULT_ADAPTER }: LeaseOptions = {},
  ): Lease | undefined {
    let tip = this.#roots.getOrInsertComputed(adapter, root);
    let cached = 0;
    while (cached < prompt.length - 1) {
      const next = tip.children.get(prompt[cached]!);
      if (!next) break;
      tip = next;
      cached++;
    }
    const needed = prompt.length - 1 - cached + room;
    this.#use(tip);
    if (!this.#makeRoom(needed)) {
      this.#leave(tip);
      return undefined;
    }
    const slots = new Uint32Array(prompt.length - 1 + room);
    for (let at: CachedToken | undefined = tip, i = cached - 1; i >= 0; i--) {
      slots[i] = at!.slot;
      at = at!.parent;
    }
    const shared = cached;
    let deepest = tip;
    for (let i = cached; i < prompt.length - 1; i++) {
      slots[i] = this.#free.pop()!;
      deepest = this.#add(deepest, prompt[i]!, slots[i]!);
    }
    for (let i = prompt.length - 1; i < slots.length; i++) {
      slots[i] = this.#free.pop()!;
    }
    this.#use(deepest);
    this.#leave(tip);
    return { slots, cached: shared, tip: deepest };
  }

  /**
   * Ends a lease. `tokens` are the prompt and the sampled tokens whose keys and values were computed: they
   * stay for others to share; the slots that were not used are free again.
   */
  release(lease: Lease, tokens: readonly number[]): void {
    let tip = lease.tip;
    let position = depth(tip);
    for (; position < tokens.length; position++) {
      const slot = lease.slots[position]!;
      const known = tip.children.get(tokens[position]!);
      // Another sequence computed the same token meanwhile: the two hold the same bits, one is enough.
      if (known) this.#free.push(slot);
      tip = known ?? this.#add(tip, tokens[position]!, slot);
    }
    for (; position < lease.slots.length; position++) {
      this.#free.push(lease.slots[position]!);
    }
    this.#use(tip);
    this.#leave(lease.tip);
    this.#leave(tip);
  }

  #add(parent: CachedToken, token: number, slot: number): CachedToken {
    const node: CachedToken = {
      token,
      slot,
      parent,
      children: new Map(),
      users: 0,
    };
    parent.children.set(token, node);
    this.#idle.delete(parent);
    this.#idle.add(node);
    this.#unused++;
    return node;
  }

  #use(node: CachedToken): void {
    for (let at = node; at.parent; at = at.parent) {
      if (at.users++ === 0) this.#unused--;
    }
    this.#idle.delete(node);
  }

  #leave(node: CachedToken): void {
    for (let at = node; at.parent; at = at.parent) {
      if (--at.users === 0) this.#unused++;
    }
    if (node.users === 0 && node.children.size === 0 && node.parent) {
      this.#idle.add(node);
    }
  }

  /** Evicts until `count` slots are free; where they are not to be had, evicts nothing and returns false. */
  #makeRoom(count: number): boolean {
    if (this.#free.length + this.#unused < count) return false;
    while (this.#free.length < count) {
      const oldest: CachedToken = this.#idle.values().next().value!;
      this.#idle.delete(oldest);
      this.#unused--;
      this.#free.push(oldest.slot);
      const parent = oldest.parent!;
      parent.children.delete(oldest.token);
      if (parent.children.size === 0 && parent.users === 0 && parent.parent) {
        this.#idle.add(parent);
      }
    }
    return true;
  }
}

function root(): CachedToken {
  return {
    token: -1,
    slot: 0,
    parent: undefined,
    children: new Map(),
    users: 0,
  };
}

function depth(node: CachedToken): number {
  let count = 0;
  for (let at = node; at.parent; at = at.parent) count++;
  return count;
}
