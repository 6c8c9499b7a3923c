import type { Evidence, Finding, Window } from "./_health.ts";
import { templateArtefacts } from "./_template_artefacts.ts";
import { lastToken, placeOf, widestGap } from "./_token_places.ts";

/** Everything that is looked at. */
export const CHECKS: readonly ((window: Window) => Finding)[] = [
  equalGroups,
  entropy,
  gap,
  cutEpisodes,
  templateArtefacts,
  branches,
  untrainableCalls,
  failures,
  stalePolicy,
];

/** Most pieces of evidence for one finding. */
const SHOWN = 6;

function equalGroups({ rows }: Window): Finding {
  const [found] = rows(
    `SELECT count(*) total, sum(spread = 0) equal, sum(spread = 0 AND solved = episodes) easy
     FROM groups WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const { total, equal, easy } = numbers(found, "total", "equal", "easy");
  const share = equal / total;
  const about = `${equal} of ${total} groups`;
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
      `In ${about} all rewards are equal, so nobody did better than another: ${easy} are solved ` +
      `by every episode, the rest by none. Take harder or easier tasks, grade rewards more finely, ` +
      `or let groups without spread be replaced (dapo).`,
    evidence: rows(
      `SELECT min(e.id) episode, g.task, g.reward FROM groups g JOIN episodes e ON e."group" = g.id
       WHERE g.kind = 'train' AND g.spread = 0 AND g.step BETWEEN :from AND :to
       GROUP BY g.id ORDER BY g.id DESC LIMIT ${SHOWN}`,
    ).map(({ episode, task, reward }) => ({
      text: `${task}: every reward ${round(reward)}`,
      ...lastToken(rows, Number(episode)),
    })),
  };
}

function entropy({ rows }: Window): Finding {
  const { first, last } = ends(rows, "entropy");
  const about = `Entropy was ${round(first)} nats per token at first and is ${
    round(last)
  } now.`;
  if (Number.isNaN(last) || (last > 0.1 * first && last > 0.02)) {
    return good(
      "entropy",
      "The policy still explores",
      Number.isNaN(last) ? "Entropy was not recorded." : about,
    );
  }
  return {
    check: "entropy",
    severity: "warning",
    title: "Entropy has collapsed",
    text:
      `${about} Episodes of a group become copies of one another, and learning ends. Lower the ` +
      `learning rate, raise the temperature or clip_high, or reward entropy.`,
    evidence: rows(
      `SELECT id, logprob_mean, step, task FROM episodes
       WHERE kind = 'train' AND logprob_mean IS NOT NULL AND step BETWEEN :from AND :to
       ORDER BY logprob_mean DESC, id DESC LIMIT ${SHOWN}`,
    ).map(({ id, logprob_mean, step, task }) => ({
      text: `step ${step}, ${task}: ${
        round(Math.exp(Number(logprob_mean)))
      } sure of each token`,
      ...lastToken(rows, Number(id)),
    })),
  };
}

function gap({ rows }: Window): Finding {
  const { first, last } = ends(rows, "logprobGapMean");
  const evidence = rows(
    `SELECT id episode, gap_max, step, task FROM episodes WHERE gap_max IS NOT NULL AND step BETWEEN :from AND :to
     ORDER BY gap_max DESC LIMIT ${SHOWN}`,
  ).map((row) => ({
    text: `step ${row.step}, ${row.task}: ${
      round(row.gap_max)
    } nats at one token`,
    ...widestGap(rows, Number(row.episode)),
  }));
  const about = `Engine and trainer differ by ${
    round(last)
  } nats per token on average, ${round(first)} at first.`;
  if (Number.isNaN(last) || last < 0.02 || (last < 0.05 && last < 2 * first)) {
    return {
      ...good(
        "gap",
        "Engine and trainer agree",
        Number.isNaN(last) ? "The gap was not recorded." : about,
      ),
      evidence,
    };
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

function cutEpisodes({ rows }: Window): Finding {
  const [found] = rows(
    `SELECT count(*) total, sum(cut > 0) cut FROM episodes
     WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const { total, cut } = numbers(found, "total", "cut");
  const about = `${cut} of ${total} episodes ran into a length limit`;
  if (!(cut / total > 0.05)) {
    return good("length", "Replies end by themselves", `${about}.`);
  }
  return {
    check: "length",
    severity: cut / total > 0.3 ? "bad" : "warning",
    title: `${percent(cut / total)} of the episodes are cut by length`,
    text:
      `${about}, so their ends were never said, and their rewards are those of half an answer. ` +
      `Raise rollout.max_tokens or the workflow's own limit, or let length cost reward.`,
    evidence: rows(
      `SELECT c.episode, c.number call, c.sampled, e.step, e.task FROM calls c JOIN episodes e ON e.id = c.episode
       WHERE c.finish = 'length' AND e.kind = 'train' AND e.step BETWEEN :from AND :to
       ORDER BY c.id DESC LIMIT ${SHOWN}`,
    ).map(({ episode, call, sampled, step, task }) => ({
      text: `step ${step}, ${task}: ${sampled} tokens`,
      episode: Number(episode),
      call: Number(call),
      token: Number(sampled) - 1,
    })),
  };
}

function branches({ rows }: Window): Finding {
  const kinds = rows(
    `SELECT json_extract(c.branch, '$.kind') kind, count(*) count, sum(c.added) added
     FROM calls c JOIN episodes e ON e.id = c.episode
     WHERE c.branch IS NOT NULL AND e.kind = 'train' AND e.step BETWEEN :from AND :to
     GROUP BY 1 ORDER BY added DESC`,
  );
  const [sum] = rows(
    `SELECT sum(nodes) nodes, sum(unrolled) unrolled FROM episodes
     WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const { nodes, unrolled } = numbers(sum, "nodes", "unrolled");
  const saved =
    `The token trees hold ${nodes} tokens for the ${unrolled} that the calls were made of.`;
  const rewritten = kinds.find(({ kind }) => kind === "rewritten-history");
  const lost = Number(rewritten?.added ?? 0);
  if (!(lost > 0.05 * nodes)) {
    return good(
      "branches",
      "Branches cost little",
      `${saved} ${listOf(kinds)}`,
    );
  }
  return {
    check: "branches",
    severity: lost > 0.3 * nodes ? "warning" : "note",
    title: `Rewritten histories cost ${percent(lost / nodes)} of the tokens`,
    text:
      `${saved} ${
        listOf(kinds)
      } Where a framework changes what the model said before, the ` +
      `rest of the episode is computed again, and trained on under a prompt that it never had.`,
    evidence: rows(
      `SELECT c.episode, c.number call, c.added, c.branch, e.step, e.task FROM calls c JOIN episodes e ON e.id = c.episode
       WHERE c.branch IS NOT NULL AND e.kind = 'train' AND e.step BETWEEN :from AND :to
       ORDER BY json_extract(c.branch, '$.kind') = 'rewritten-history' DESC, c.added DESC LIMIT ${SHOWN}`,
    ).map(({ episode, call, added, branch, step, task }) => {
      const { kind, depth } = JSON.parse(String(branch));
      return {
        text: `step ${step}, ${task}: ${kind} after ${depth}, ${added} more`,
        episode: Number(episode),
        call: Number(call),
      };
    }),
  };
}

function untrainableCalls({ rows }: Window): Finding {
  const reasons = rows(
    `SELECT c.untrainable reason, count(*) count, max(c.episode) episode, c.number call
     FROM calls c JOIN episodes e ON e.id = c.episode
     WHERE c.untrainable IS NOT NULL AND e.kind = 'train' AND e.step BETWEEN :from AND :to
     GROUP BY 1 ORDER BY 2 DESC`,
  );
  const [sum] = rows(
    `SELECT sum(calls) calls FROM episodes WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const count = reasons.reduce((total, row) => total + Number(row.count), 0);
  const { calls } = numbers(sum, "calls");
  if (count === 0) {
    return good(
      "untrainable",
      "Every call can be trained on",
      `${calls} calls came with sound tokens and logprobs.`,
    );
  }
  return {
    check: "untrainable",
    severity: count > 0.1 * calls ? "bad" : "warning",
    title: `${count} of ${calls} calls cannot be trained on`,
    text:
      "Their tokens and logprobs do not fit together, so no gradient flows through them.",
    evidence: reasons.slice(0, SHOWN).map((
      { reason, count, episode, call },
    ) => ({
      text: `${count} times: ${reason}`,
      episode: Number(episode),
      call: Number(call),
    })),
  };
}

function failures({ rows }: Window): Finding {
  const alike = rows(
    `SELECT e.stage, substr(t.error, 1, 160) error, count(*) count, max(e.id) episode
     FROM episodes e JOIN episode_texts t ON t.episode = e.id
     WHERE e.stage IS NOT NULL AND e.kind = 'train' AND e.step BETWEEN :from AND :to
     GROUP BY 1, 2 ORDER BY 3 DESC`,
  );
  const [sum] = rows(
    `SELECT count(*) total FROM episodes WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const count = alike.reduce((total, row) => total + Number(row.count), 0);
  const { total } = numbers(sum, "total");
  if (count === 0) {
    return good(
      "failures",
      "No workflow failed",
      `All ${total} episodes came to their end.`,
    );
  }
  return {
    check: "failures",
    severity: count > 0.1 * total ? "bad" : "warning",
    title: `${count} of ${total} episodes failed`,
    text:
      "They count nowhere, after all their retries. The messages are the workflow's or judge's own.",
    evidence: alike.slice(0, SHOWN).map((
      { stage, error, count, episode },
    ): Evidence => ({
      text: `${count} times in ${stage}: ${error}`,
      ...lastToken(rows, Number(episode)),
    })),
  };
}

function stalePolicy({ rows }: Window): Finding {
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

/** Means of a metric over the first and the last steps of the run; NaN where it was not recorded. */
function ends(
  rows: Window["rows"],
  metric: string,
): { readonly first: number; readonly last: number } {
  const mean = (order: "ASC" | "DESC") => {
    const [row] = rows(
      `SELECT avg(value) mean FROM (SELECT json_extract(record, '$.${metric}') value FROM steps
       ORDER BY step ${order} LIMIT 5)`,
    );
    return row?.mean === null ? NaN : Number(row?.mean);
  };
  return { first: mean("ASC"), last: mean("DESC") };
}

function good(check: string, title: string, text: string): Finding {
  return { check, severity: "good", title, text, evidence: [] };
}

function numbers<Name extends string>(
  row: Readonly<Record<string, unknown>> | undefined,
  ...names: Name[]
): Record<Name, number> {
  return Object.fromEntries(
    names.map((name) => [name, Number(row?.[name] ?? 0)]),
  ) as Record<Name, number>;
}

function listOf(kinds: readonly Readonly<Record<string, unknown>>[]): string {
  return kinds.map(({ kind, count }) => `${count} × ${kind}`).join(", ") + ".";
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

function round(value: unknown): string {
  return String(Number(Number(value).toPrecision(3)));
}
