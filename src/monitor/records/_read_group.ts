import type { DatabaseSync } from "node:sqlite";
import type { EpisodeRow } from "./record_reader.ts";

/** An episode of a group, with what it said last. */
export interface GroupEpisode extends EpisodeRow {
  /** Content of its last reply; null where messages were not kept. */
  readonly answer: string | null;
  /** Why it failed. */
  readonly error: string | null;
  /** Numbers that workflow and judge measured, as JSON. */
  readonly parts: string;
  /** What workflow and judge left, as JSON. */
  readonly metadata: string;
}

/** A group with its episodes. */
export interface GroupDetail {
  readonly id: number;
  readonly key: string;
  readonly step: number;
  readonly kind: string;
  readonly task: string;
  readonly query: string;
  readonly reward: number | null;
  readonly spread: number | null;
  /** Best first, the failed ones last. */
  readonly episodes: readonly GroupEpisode[];
}

/** Reads a group; undefined where there is none of that number. */
export function readGroup(
  database: DatabaseSync,
  id: number,
): GroupDetail | undefined {
  const group = database.prepare("SELECT * FROM groups WHERE id = ?").get(id);
  if (group === undefined) return undefined;
  const episodes = database.prepare(
    `SELECT e.*, t.error, t.parts, t.metadata, (
       SELECT content FROM messages m JOIN calls c ON c.episode = e.id AND c.reply_message = m.number
       WHERE m.episode = e.id ORDER BY c.number DESC LIMIT 1
     ) answer
     FROM episodes e JOIN episode_texts t ON t.episode = e.id
     WHERE e."group" = ? ORDER BY e.reward DESC NULLS LAST, e.place`,
  ).all(id);
  const { key, step, kind, task, query, reward, spread } = group;
  return {
    id,
    key: String(key),
    step: Number(step),
    kind: String(kind),
    task: String(task),
    query: String(query),
    reward: reward as number | null,
    spread: spread as number | null,
    episodes: episodes as unknown as GroupEpisode[],
  };
}
