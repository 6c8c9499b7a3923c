import { type EpisodeQuery, SORT_KEYS, type SortKey } from "../records/mod.ts";

const OUTCOMES = ["solved", "unsolved", "failed"] as const;
const HAVING = ["branches", "untrainable", "cut", "clipped"] as const;
const ORDERS = ["asc", "desc"] as const;
const MOST_ROWS = 500;

/** Reads which episodes a URL asks for; what it does not understand is left out. */
export function readEpisodeQuery(params: URLSearchParams): EpisodeQuery {
  const query = {
    kind: text(params, "kind"),
    group: number(params, "group"),
    from: number(params, "from"),
    to: number(params, "to"),
    task: text(params, "task"),
    agent: text(params, "agent"),
    outcome: OUTCOMES.find((known) => known === params.get("outcome")),
    minReward: number(params, "minReward"),
    maxReward: number(params, "maxReward"),
    minSampled: number(params, "minSampled"),
    maxSampled: number(params, "maxSampled"),
    having: HAVING.filter((known) => params.getAll("having").includes(known)),
    sort: SORT_KEYS.find((known) => known === params.get("sort")) as
      | SortKey
      | undefined,
    order: ORDERS.find((known) => known === params.get("order")),
    offset: number(params, "offset"),
    limit: Math.min(number(params, "limit") ?? 100, MOST_ROWS),
  };
  return Object.fromEntries(
    Object.entries(query).filter(([, value]) => value !== undefined),
  ) as EpisodeQuery;
}

/** A number in a URL; undefined where there is none. */
export function number(
  params: URLSearchParams,
  name: string,
): number | undefined {
  const text = params.get(name);
  if (text === null || text.trim() === "") return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function text(params: URLSearchParams, name: string): string | undefined {
  return params.get(name) || undefined;
}
