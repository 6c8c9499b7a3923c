import { visibleTiles } from "../../src/nn/tiles.ts";
import { assertEquals, assertTrue } from "../assert.ts";
import { randomForest } from "./_forest.ts";

/** Key tiles that each query tile sees, by looking at every pair of tokens. */
function bruteForce(visibleUntil: Uint32Array, lanes: number): number[][] {
  const tiles = visibleUntil.length / lanes;
  const seen = Array.from({ length: tiles }, () => new Set<number>());
  for (let query = 0; query < visibleUntil.length; query++) {
    for (let key = 0; key <= query; key++) {
      if (query < visibleUntil[key]!) {
        seen[Math.floor(query / lanes)]!.add(Math.floor(key / lanes));
      }
    }
  }
  return seen.map((keys) => [...keys].sort((a, b) => a - b));
}

Deno.test("visibleTiles() lists the very tiles that some pair of tokens makes visible", () => {
  for (const lanes of [1, 4, 8, 32]) {
    for (let seed = 0; seed < 25; seed++) {
      const nodes = lanes * (1 + seed % 9);
      const { visibleUntil } = randomForest(`tiles ${seed}`, nodes, 10);
      const { start, list, until } = visibleTiles(visibleUntil, lanes);
      const expected = bruteForce(visibleUntil, lanes);
      assertEquals(
        expected.map((_, i) => [...list.subarray(start[i]!, start[i + 1]!)]),
        expected,
      );
      expected.forEach((_, key) => {
        const queries = expected.flatMap((keys, query) =>
          keys.includes(key) ? [query] : []
        );
        const stretch = queries.map((_, i) => key + i);
        assertEquals(queries, stretch);
        assertEquals(until[key], key + queries.length);
      });
    }
  }
});

Deno.test("visibleTiles() grows with the visible tiles, not with all pairs", () => {
  const visibleUntil = Uint32Array.from({ length: 8 * 4000 }, (_, i) => i + 1);
  const { list } = visibleTiles(visibleUntil, 8);
  assertEquals(list.length, 4000);
  assertTrue(list.every((key, query) => key === query));
});
