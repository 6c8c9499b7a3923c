import type { Terms } from "../tracker/mod.ts";

/** Ranges `[from, to)` of the terms that belong together: each alone, or those of an episode. */
export function termRanges(
  terms: Terms,
  level: "token" | "episode",
): [from: number, to: number][] {
  const M = terms.node.length;
  const ranges: [number, number][] = [];
  for (let from = 0; from < M;) {
    let to = from + 1;
    if (level === "episode") {
      while (to < M && terms.episode[to] === terms.episode[from]) to++;
    }
    ranges.push([from, to]);
    from = to;
  }
  return ranges;
}
