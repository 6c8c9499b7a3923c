import type { DatabaseSync } from "node:sqlite";
import type { Retention } from "./types.ts";

/** Drops the episodes of steps before `step` that are not to be kept; their metrics stay. */
export function dropDetails(
  database: DatabaseSync,
  step: number,
  { last, every }: Retention,
): void {
  if (last === undefined && every === undefined) return;
  const newest = step - (last ?? 1);
  const steps = database
    .prepare("SELECT DISTINCT step FROM groups WHERE step <= ?")
    .all(newest)
    .map((row) => Number(row.step));
  for (const old of steps) {
    if (every !== undefined && old % every === 0) continue;
    dropEpisodes(database, "step = ?", old);
  }
}

/** Forgets everything that happened after `step`; an evaluation of it stands, to be kept. */
export function forgetAfter(database: DatabaseSync, step: number): void {
  dropEpisodes(database, "step > ?", step);
  for (const table of ["steps", "timings", "evaluations"]) {
    database.prepare(`DELETE FROM ${table} WHERE step > ?`).run(step);
  }
}

function dropEpisodes(
  database: DatabaseSync,
  condition: string,
  step: number,
): void {
  const chosen = `(SELECT id FROM episodes WHERE ${condition})`;
  for (const table of ["episode_texts", "calls", "messages", "tool_calls"]) {
    database.prepare(`DELETE FROM ${table} WHERE episode IN ${chosen}`)
      .run(step);
  }
  for (const table of ["episodes", "groups"]) {
    database.prepare(`DELETE FROM ${table} WHERE ${condition}`).run(step);
  }
}
