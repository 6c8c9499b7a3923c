/** Columns that episodes can be sorted by. */
export const SORT_KEYS = [
  "id",
  "step",
  "task",
  "reward",
  "advantage",
  "calls",
  "nodes",
  "sampled",
  "branches",
  "clipped",
  "logprob_min",
  "logprob_mean",
  "gap_max",
  "gap_mean",
  "seconds",
] as const;

/** A column that episodes can be sorted by. */
export type SortKey = typeof SORT_KEYS[number];

/** Which episodes, and in what order. */
export interface EpisodeQuery {
  /** What they were run for: `train`, `sampled` or `greedy`. */
  readonly kind?: string;
  /** Number of their group. */
  readonly group?: number;
  /** First step. */
  readonly from?: number;
  /** Last step. */
  readonly to?: number;
  /** Part of the task's id or query. */
  readonly task?: string;
  /** Name of an agent that took part. */
  readonly agent?: string;
  /** How they ended. */
  readonly outcome?: "solved" | "unsolved" | "failed";
  /** Least reward. */
  readonly minReward?: number;
  /** Greatest reward. */
  readonly maxReward?: number;
  /** Fewest sampled tokens. */
  readonly minSampled?: number;
  /** Most sampled tokens. */
  readonly maxSampled?: number;
  /** What they must show. */
  readonly having?: readonly ("branches" | "untrainable" | "cut" | "clipped")[];
  /** @default {"id"} */
  readonly sort?: SortKey;
  /** @default {"desc"} */
  readonly order?: "asc" | "desc";
  /** Rows left out before the first one. @default {0} */
  readonly offset?: number;
  /** Most rows. @default {100} */
  readonly limit?: number;
}

/** A condition in SQL with the values of its marks. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

/** The condition that a query's filters add up to. */
export function conditionOf(query: EpisodeQuery): Condition {
  const parts: string[] = [];
  const values: (string | number)[] = [];
  function add(sql: string, ...given: (string | number | undefined)[]) {
    if (given.some((value) => value === undefined)) return;
    parts.push(sql);
    values.push(...given as (string | number)[]);
  }
  const { task, agent, outcome, having = [] } = query;
  add("kind = ?", query.kind);
  add('"group" = ?', query.group);
  add("step >= ?", query.from);
  add("step <= ?", query.to);
  add("reward >= ?", query.minReward);
  add("reward <= ?", query.maxReward);
  add("sampled >= ?", query.minSampled);
  add("sampled <= ?", query.maxSampled);
  if (task !== undefined) {
    const like = `%${task.replaceAll(/[\\%_]/g, "\\$&")}%`;
    add(
      `(task LIKE ? ESCAPE '\\' OR "group" IN (SELECT id FROM groups WHERE query LIKE ? ESCAPE '\\'))`,
      like,
      like,
    );
  }
  add(
    "EXISTS (SELECT 1 FROM json_each(agents) WHERE json_each.value = ?)",
    agent,
  );
  if (outcome === "solved") add("success = 1");
  if (outcome === "unsolved") add("success = 0 AND stage IS NULL");
  if (outcome === "failed") add("stage IS NOT NULL");
  for (const what of having) add(`${what} > 0`);
  return { sql: parts.length === 0 ? "1" : parts.join(" AND "), values };
}

/** The order that a query asks for; ties and rows without a value in the order of recording. */
export function orderOf({ sort = "id", order = "desc" }: EpisodeQuery): string {
  const direction = order === "asc" ? "ASC" : "DESC";
  if (sort === "id") return `id ${direction}`;
  return `${sort} ${direction} NULLS LAST, id ${direction}`;
}
