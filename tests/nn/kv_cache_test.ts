import { KvCache, type Lease } from "../../src/nn/kv_cache.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { hashed } from "../gpu/_hashed.ts";

/** A source of numbers in [0, 1), the same for one name. */
function randomSource(name: string): () => number {
  const numbers = hashed(name, 20_000);
  let next = 0;
  return () => (numbers[next++]! + 1) / 2;
}

interface Held {
  readonly lease: Lease;
  readonly prompt: readonly number[];
  readonly room: number;
}

/** A cache, and what the GPU would hold in each slot: the text up to and with the slot's token. */
class WatchedCache {
  readonly cache: KvCache;
  readonly contents = new Map<number, string>();
  readonly held = new Set<Held>();

  constructor(readonly slots: number) {
    this.cache = new KvCache(slots);
  }

  lease(prompt: readonly number[], room: number): Held | undefined {
    const lease = this.cache.lease(prompt, room);
    if (!lease) return undefined;
    const { slots, cached } = lease;
    assertEquals(slots.length, prompt.length - 1 + room);
    assertEquals(new Set(slots).size, slots.length, "a slot twice in a lease");
    for (const slot of slots) assertTrue(slot >= 1 && slot <= this.slots);
    const mine = new Set(slots.subarray(cached));
    for (const other of this.held) {
      for (const slot of other.lease.slots) {
        assertTrue(!mine.has(slot), `slot ${slot} is held twice`);
      }
    }
    for (let i = 0; i < prompt.length - 1; i++) {
      const text = prompt.slice(0, i + 1).join();
      if (i < cached) assertEquals(this.contents.get(slots[i]!), text);
      else this.contents.set(slots[i]!, text);
    }
    const held = { lease, prompt, room };
    this.held.add(held);
    return held;
  }

  /** Ends a lease of which `sampled` were computed. */
  release({ lease, prompt }: Held, sampled: readonly number[]): void {
    const tokens = [...prompt, ...sampled].slice(0, -1);
    for (let i = prompt.length - 1; i < tokens.length; i++) {
      this.contents.set(lease.slots[i]!, tokens.slice(0, i + 1).join());
    }
    for (const held of this.held) {
      if (held.lease === lease) this.held.delete(held);
    }
    this.cache.release(lease, tokens);
  }
}

Deno.test("KvCache never loses a slot, holds one twice or shares what differs, over random traffic", () => {
  for (let seed = 0; seed < 8; seed++) {
    const random = randomSource(`traffic ${seed}`);
    const below = (n: number) => Math.floor(random() * n);
    const watched = new WatchedCache(40);
    const some = (n: number) => Array.from({ length: n }, () => below(2));
    let [leases, refusals] = [0, 0];
    for (let turn = 0; turn < 400; turn++) {
      const held = [...watched.held];
      if (held.length > 0 && random() < 0.45) {
        const one = held[below(held.length)]!;
        watched.release(one, some(below(one.room + 1)));
      } else {
        const lease = watched.lease(some(1 + below(9)), 1 + below(8));
        if (lease) leases++;
        else refusals++;
      }
    }
    assertTrue(leases > 50 && refusals > 5, `${leases} and ${refusals}`);
    for (const one of [...watched.held]) watched.release(one, []);
    // Every slot is to be had again, at once.
    const all = watched.lease([7], 40);
    assertEquals(new Set(all!.lease.slots).size, 40);
    assertEquals(watched.lease([8], 1), undefined);
  }
});

Deno.test("KvCache shares whatever prompts have in common, but for the last token", () => {
  const cache = new KvCache(50);
  const first = cache.lease([1, 2, 3, 4], 3)!;
  assertEquals(first.cached, 0);
  const same = cache.lease([1, 2, 3, 4], 2)!;
  assertEquals(same.cached, 3);
  assertEquals(same.slots.slice(0, 3), first.slots.slice(0, 3));
  const longer = cache.lease([1, 2, 9, 9], 2)!;
  assertEquals(longer.cached, 2);
  // What was sampled is shared after its sequence ended: a second turn.
  cache.release(first, [1, 2, 3, 4, 5, 6]);
  const turn = cache.lease([1, 2, 3, 4, 5, 6, 7, 8], 1)!;
  assertEquals(turn.cached, 6);
  assertEquals(turn.slots.slice(0, 6), first.slots.slice(0, 6));
});

Deno.test("KvCache frees the second copy of what two sequences computed", () => {
  const cache = new KvCache(12);
  const a = cache.lease([1, 2], 4)!, b = cache.lease([1, 2], 4)!;
  cache.release(a, [1, 2, 3, 4]);
  cache.release(b, [1, 2, 3, 5]);
  // 1, 2, 3, 4 and 5 stay: seven slots are free, and nothing need be evicted for them.
  cache.release(cache.lease([9], 7)!, []);
  assertEquals(cache.lease([1, 2, 3, 4, 6], 1)!.cached, 4);
  assertEquals(cache.lease([1, 2, 3, 5, 6], 1)!.cached, 4);
});

Deno.test("KvCache evicts leaves that nobody uses, the least recently used first", () => {
  const cache = new KvCache(10);
  const use = (id: number) => {
    const lease = cache.lease([id, id, 0, 0], 1)!;
    cache.release(lease, [id, id, 0]);
    return lease.cached;
  };
  // Nine of ten slots hold three texts of three tokens; the first is used again.
  for (const id of [1, 2, 3, 1]) use(id);
  cache.release(cache.lease([8, 8], 1)!, []);
  assertEquals([1, 3, 2].map(use), [3, 3, 2]);
});

Deno.test("KvCache evicts nothing for what it must refuse all the same", () => {
  const cache = new KvCache(12);
  cache.release(cache.lease([1, 1, 1, 1], 1)!, [1, 1, 1, 1]);
  const running = cache.lease([2, 2, 2], 2)!;
  assertEquals(cache.lease([3, 3], 8), undefined);
  assertEquals(cache.lease([1, 1, 1, 1, 1], 1)!.cached, 4);
  cache.release(running, []);
});

Deno.test("KvCache refuses what does not fit beside running sequences, and takes it after", () => {
  const cache = new KvCache(8);
  const running = cache.lease([1, 2, 3], 4)!;
  assertEquals(cache.lease([4, 5], 2), undefined);
  assertEquals(cache.lease([1, 2, 4], 1)!.cached, 2);
  cache.release(running, [1, 2, 3]);
  assertTrue(cache.lease([4, 5], 2));
});

Deno.test("KvCache.clear() forgets all", () => {
  const cache = new KvCache(8);
  cache.release(cache.lease([1, 2, 3], 2)!, [1, 2, 3]);
  cache.clear();
  const lease = cache.lease([1, 2, 3], 6)!;
  assertEquals(lease.cached, 0);
  assertEquals(new Set(lease.slots).size, 8);
});

Deno.test("KvCache keeps adapters apart, and frees the slots of one that is forgotten", () => {
  const cache = new KvCache(12);
  const a = { adapter: "a" };
  cache.release(cache.lease([1, 2, 3], 1)!, [1, 2, 3]);
  cache.release(cache.lease([1, 2, 3], 1, a)!, [1, 2, 3]);
  cache.release(cache.lease([1, 5, 6], 1, a)!, [1, 5]);
  assertEquals(cache.lease([1, 2, 3, 4], 1)!.cached, 3);
  const own = cache.lease([1, 2, 3, 4], 1, a)!;
  assertEquals(own.cached, 3);
  cache.release(own, [1, 2, 3]);
  cache.forget("a");
  const all = cache.lease([1, 2, 3, 4], 5, a)!;
  assertEquals([all.cached, new Set(all.slots).size], [0, 8]);
  assertEquals(cache.lease([7], 1), undefined);
});
