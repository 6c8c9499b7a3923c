import { LruCache } from "../../src/tuner/_lru_cache.ts";
import { assertEquals } from "../assert.ts";

Deno.test("LruCache forgets what was used longest ago when it is full", () => {
  const computed: string[] = [];
  const cache = new LruCache<number>({
    capacity: 6,
    sizeOf: (key) => key.length,
  });
  const get = (key: string) =>
    cache.get(key, () => {
      computed.push(key);
      return key.length;
    });
  for (const key of ["aa", "bb", "aa", "cc", "bb", "dd", "aa", "cc"]) {
    assertEquals(get(key), 2);
  }
  assertEquals(computed, ["aa", "bb", "cc", "dd", "aa", "cc"]);
  assertEquals(get("too long"), 8);
  get("cc");
  assertEquals(computed.at(-1), "too long");
});
