import { readable } from "../dashboard/page/visible.js";
import { short } from "../report/_text.ts";
import type { EpisodeAccount } from "./types.ts";

/** What the episodes of one task are together, in one line: whether there is anything to compare. */
export function groupReport(episodes: readonly EpisodeAccount[]): string {
  const rewards = episodes.map(({ reward }) => reward)
    .filter((reward) => reward !== null);
  const failed = episodes.length - rewards.length;
  const verdict = new Set(rewards).size > 1
    ? "they differ, so comparing them teaches something"
    : "they do not differ, so comparing them teaches nothing";
  return [
    `task ${
      readable(episodes[0]?.task.id ?? "")
    }, ${episodes.length} episodes: `,
    `rewards ${rewards.map(short).join(" ") || "none"}`,
    failed > 0 ? `, ${failed} failed` : "",
    `; ${verdict}`,
  ].join("");
}
