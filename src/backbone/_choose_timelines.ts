import type { Group } from "../rollout/mod.ts";

/** Which timelines are chosen. */
export interface ChooseTimelinesOptions {
  /** Most tokens of all together. */
  readonly maxTokens: number;
  /** Whether those that end with this agent's call are wanted. */
  readonly isWanted: (agent: string) => boolean;
}

/** One timeline of each group in turn, as long as they fit. */
export function chooseTimelines(
  groups: readonly Group[],
  { maxTokens, isWanted }: ChooseTimelinesOptions,
): Uint32Array[] {
  const chosen: Uint32Array[] = [];
  let left = maxTokens;
  for (const { episodes } of groups) {
    const timelines = episodes[0]?.tree.timelines() ?? [];
    const tokens = timelines.find(({ agent }) => isWanted(agent))?.tokens;
    if (tokens === undefined || tokens.length < 2) continue;
    if (tokens.length > left) break;
    chosen.push(tokens);
    left -= tokens.length;
  }
  return chosen;
}
