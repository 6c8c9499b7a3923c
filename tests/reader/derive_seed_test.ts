import { assertEquals, assertTrue } from "../assert.ts";
import { deriveSeed } from "../../src/reader/mod.ts";

Deno.test("deriveSeed() is a 32-bit integer that depends on every part and their order", () => {
  const seeds = [
    deriveSeed([1, 2, 3]),
    deriveSeed([1, 2, 4]),
    deriveSeed([2, 1, 3]),
    deriveSeed([1, 2]),
    deriveSeed([1, 2, 3, 0]),
    deriveSeed([1 + 2 ** 32, 2, 3]),
  ];
  assertEquals(new Set(seeds).size, seeds.length);
  for (const seed of seeds) assertEquals(seed, seed >>> 0);
  assertEquals(deriveSeed([1, 2, 3]), seeds[0]);
});

Deno.test("deriveSeed() spreads neighbouring indices over the whole range", () => {
  const count = 4096;
  let bits = 0;
  const seen = new Set<number>();
  for (let index = 0; index < count; index++) {
    const seed = deriveSeed([0, index]);
    seen.add(seed);
    bits += seed.toString(2).replaceAll("0", "").length;
  }
  assertEquals(seen.size, count);
  assertTrue(Math.abs(bits / count - 16) < 0.2, `${bits / count} bits set`);
});
