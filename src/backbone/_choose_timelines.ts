import type { Group } from "../rollout/mod.ts";

/** One timeline of each group in turn, as long as they fit in `maxTokens`. */
export function chooseTimelines(
  groups: readonly Group[],
  maxTokens: number,
): Uint32Array[] {
  const chosen: Uint32Array[] = [];
  let left = maxTokens;
  for (const { episodes } of groups) {
    const tokens = episodes[0]?.tree.timelines()[0]?.tokens;
    if (tokens === undefined || tokens.length < 2) continue;
    if (tokens.length > left) break;
    chosen.push(tokens);
    left -= tokens.length;
  }
  return chosen;
}
