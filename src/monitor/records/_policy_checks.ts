import {
  counted,
  type Finding,
  good,
  numbers,
  percent,
  round,
  SHOWN,
  type Window,
} from "./_finding.ts";
import { lastToken, placeOf, widestGap } from "./_token_places.ts";

export function equalGroups({ rows }: Window): Finding {
  const [found] = rows(
    `SELECT count(spread) total, sum(spread = 0) equal, sum(spread = 0 AND solved = episodes) easy
     FROM groups WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const { total, equal, easy } = numbers(found, "total", "equal", "easy");
  if (total === 0) {
    return unjudged("equal-groups", "No group has rewards to compare");
  }
  const share = equal / total;
  const about = `${counted(equal)} of ${counted(total)} groups`;
  if (!(share > 0.3)) {
    return good(
      "equal-groups",
      "Groups can be told apart",
      `${about} have equal rewards.`,
    );
  }
  return {
    check: "equal-groups",
    severity: share > 0.7 ? "bad" : "warning",
    title: `${percent(share)} of the groups teach nothing`,
    text:
      `In ${about} all rewards are equal, so nobody did better than another: ${
        counted(easy)
      } are solved ` +
      `by every episode, the rest by none. Take harder or easier tasks, grade rewards more finely, ` +
      `or let groups without spread be replaced (dapo).`,
    evidence: rows(
      `SELECT min(e.id) episode, g.step, g.task, g.reward FROM groups g JOIN episodes e ON e."group" = g.id
       WHERE g.kind = 'train' AND g.spread = 0 AND g.step BETWEEN :from AND :to
       GROUP BY g.id ORDER BY g.id DESC LIMIT ${SHOWN}`,
    ).map(({ episode, step, task, reward }) => ({
      text: `step ${step}, ${task}: every reward ${round(reward)}`,
      ...lastToken(rows, Number(episode)),
    })),
  };
}

export function entropy({ rows }: Window): Finding {
  const courses = coursesOf(rows, "entropy");
  if (courses.length === 0) {
    return unjudged("entropy", "Entropy was not recorded");
  }
  const collapsed = courses.filter(({ first, last }) =>
    !(last > 0.1 * first && last > 0.02)
  );
  const about = (collapsed.length > 0 ? collapsed : courses).map(
    ({ whose, first, last }) =>
      `Entropy${whose} was ${round(first)} nats per token at first and is ${
        round(last)
      } now.`,
  ).join(" ");
  if (collapsed.length === 0) {
    return good("entropy", "The policy still explores", about);
  }
  return {
    check: "entropy",
    severity: "warning",
    title: `Entropy${
      collapsed.map(({ whose }) => whose).join(",")
    } has collapsed`,
    text:
      `${about} Episodes of a group become copies of one another, and learning ends. Lower the ` +
      `learning rate, raise the temperature or clip_high, or reward entropy.`,
    evidence: rows(
      // One of each group, since the others are much the same.
      `SELECT id, max(logprob_mean) logprob_mean, step, task FROM episodes
       WHERE kind = 'train' AND logprob_mean IS NOT NULL AND step BETWEEN :from AND :to
       GROUP BY "group" ORDER BY logprob_mean DESC, id DESC LIMIT ${SHOWN}`,
    ).map(({ id, logprob_mean, step, task }) => ({
      text: `step ${step}, ${task}: ${
        round(Math.exp(Number(logprob_mean)))
      } sure of each token`,
      ...lastToken(rows, Number(id)),
    })),
  };
}

export function gap({ rows }: Window): Finding {
  const courses = coursesOf(rows, "logprobGapMean");
  const [widest] = courses.toSorted((a, b) => b.last - a.last);
  if (widest === undefined) {
    return unjudged(
      "gap",
      "The gap between engine and trainer was not recorded",
    );
  }
  const { whose, first, last } = widest;
  const evidence = rows(
    `SELECT id episode, gap_max, step, task FROM episodes WHERE gap_max IS NOT NULL AND step BETWEEN :from AND :to
     ORDER BY gap_max DESC LIMIT ${SHOWN}`,
  ).map((row) => ({
    text: `step ${row.step}, ${row.task}: ${
      round(row.gap_max)
    } nats at one token`,
    ...widestGap(rows, Number(row.episode)),
  }));
  const about = `Engine and trainer${whose} differ by ${
    round(last)
  } nats per token on average, ${round(first)} at first.`;
  if (last < 0.02 || (last < 0.05 && last < 2 * first)) {
    return { ...good("gap", "Engine and trainer agree", about), evidence };
  }
  return {
    check: "gap",
    severity: last > 0.1 ? "bad" : "warning",
    title: last > 2 * first
      ? "The logprob gap drifts"
      : "Engine and trainer disagree",
    text:
      `${about} The engine may serve other weights (older ones, as far as rollout.max_staleness allows), ` +
      `a lower precision or another sampling mask than the trainer computes with; importance weights correct less and less of it.`,
    evidence,
  };
}

export function stalePolicy({ rows }: Window): Finding {
  const stale = rows(
    `SELECT e.id episode, e.step, e.version_min sampled, json_extract(s.record, '$.policyVersion') trained,
       ifnull(json_extract(own.record, '$.tooStaleTokens'), 1) > 0 beyond,
       (SELECT min(number) FROM calls c WHERE c.episode = e.id AND c.version = e.version_min) call
     FROM episodes e JOIN steps s ON s.step = e.step - 1 LEFT JOIN steps own ON own.step = e.step
     WHERE e.kind = 'train' AND e.step BETWEEN :from AND :to AND e.version_min < trained
     ORDER BY beyond DESC, trained - e.version_min DESC LIMIT 200`,
  );
  if (stale.every(({ beyond }) => !beyond)) {
    return good(
      "stale",
      stale.length === 0
        ? "Episodes came from the latest weights"
        : "Episodes came from weights as old as allowed",
      stale.length === 0
        ? "No call was sampled by an older policy."
        : "No call was older than rollout.max_staleness allows.",
    );
  }
  return {
    check: "stale",
    severity: "bad",
    title: "A stale policy was sampled from",
    text:
      "Calls were answered by weights older than those that had been trained: the engine was not " +
      "synchronised, or an episode lasted over a step.",
    evidence: stale.slice(0, SHOWN).map((
      { episode, step, sampled, trained, call },
    ) => ({
      text: `step ${step}: version ${sampled} instead of ${trained}`,
      ...placeOf(Number(episode), call),
    })),
  };
}

/** How a metric of one adapter went. */
interface Course {
  /** Whose it is, for a sentence: `" of solver"`; nothing for the adapter that agents share. */
  readonly whose: string;
  /** Mean over the first steps of the run. */
  readonly first: number;
  /** Mean over the last ones. */
  readonly last: number;
}

/** Steps that a mean is taken over. */
const MEAN_STEPS = 5;

/** A metric of each adapter that has it. */
function coursesOf(rows: Window["rows"], metric: string): Course[] {
  const [first, last] = (["ASC", "DESC"] as const).map((order) => {
    const records = rows(
      `SELECT record FROM steps ORDER BY step ${order} LIMIT ${MEAN_STEPS}`,
    ).map(({ record }) => JSON.parse(String(record)));
    return meansOf(records, metric);
  }) as [Map<string, number>, Map<string, number>];
  return Array.from(last, ([whose, mean]) => ({
    whose,
    first: first.get(whose) ?? mean,
    last: mean,
  }));
}

/** Means of a metric over some steps, by whose it is. */
function meansOf(
  records: readonly Readonly<Record<string, unknown>>[],
  metric: string,
): Map<string, number> {
  const values = new Map<string, number[]>();
  const add = (whose: string, value: unknown) => {
    if (typeof value !== "number") return;
    values.set(whose, [...values.get(whose) ?? [], value]);
  };
  for (const record of records) {
    add("", record[metric]);
    for (const [name, value] of Object.entries(record.agents ?? {})) {
      const [agent, rest] = splitAtLastDot(name);
      if (rest === metric) add(` of ${agent}`, value);
    }
  }
  return new Map(
    values.entries().map(([whose, all]) =>
      [whose, all.reduce((sum, value) => sum + value, 0) / all.length] as const
    ),
  );
}

function splitAtLastDot(name: string): readonly [string, string] {
  const dot = name.lastIndexOf(".");
  return [name.slice(0, dot), name.slice(dot + 1)];
}

/** A check that there is nothing to look at for. */
function unjudged(check: string, title: string): Finding {
  const text = "No episode was trained on in these steps.";
  return { check, severity: "note", title, text, evidence: [] };
}
