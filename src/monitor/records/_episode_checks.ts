import {
  counted,
  type Evidence,
  type Finding,
  good,
  numbers,
  percent,
  SHOWN,
  type Window,
} from "./_finding.ts";
import { lastToken } from "./_token_places.ts";

export function cutEpisodes({ rows }: Window): Finding {
  const [found] = rows(
    `SELECT count(*) total, sum(cut > 0) cut FROM episodes
     WHERE kind = 'train' AND step BETWEEN :from AND :to`,
  );
  const { total, cut } = numbers(found, "total", "cut");
  const about = `${counted(cut)} of ${
    counted(total)
  } episodes ran into a length limit`;
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
      // One of each group, since the others are much the same.
      `SELECT max(c.id) latest, c.episode, c.number call, c.sampled, e.step, e.task
       FROM calls c JOIN episodes e ON e.id = c.episode
       WHERE c.finish = 'length' AND e.kind = 'train' AND e.step BETWEEN :from AND :to
       GROUP BY e."group" ORDER BY latest DESC LIMIT ${SHOWN}`,
    ).map(({ episode, call, sampled, step, task }) => ({
      text: `step ${step}, ${task}: ${counted(sampled)} tokens`,
      episode: Number(episode),
      call: Number(call),
      token: Number(sampled) - 1,
    })),
  };
}

export function branches({ rows }: Window): Finding {
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
  const saved = `The token trees hold ${counted(nodes)} tokens for the ${
    counted(unrolled)
  } that the calls were made of.`;
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
        text: `step ${step}, ${task}: ${kind} after ${counted(depth)}, ${
          counted(added)
        } more`,
        episode: Number(episode),
        call: Number(call),
      };
    }),
  };
}

export function untrainableCalls({ rows }: Window): Finding {
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
      `${counted(calls)} calls came with sound tokens and logprobs.`,
    );
  }
  return {
    check: "untrainable",
    severity: count > 0.1 * calls ? "bad" : "warning",
    title: `${counted(count)} of ${counted(calls)} calls cannot be trained on`,
    text:
      "Their tokens and logprobs do not fit together, so no gradient flows through them.",
    evidence: reasons.slice(0, SHOWN).map((
      { reason, count, episode, call },
    ) => ({
      text: `${counted(count)} times: ${reason}`,
      episode: Number(episode),
      call: Number(call),
    })),
  };
}

export function failures({ rows }: Window): Finding {
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
      `All ${counted(total)} episodes came to their end.`,
    );
  }
  return {
    check: "failures",
    severity: count > 0.1 * total ? "bad" : "warning",
    title: `${counted(count)} of ${counted(total)} episodes failed`,
    text:
      "They count nowhere, after all their retries. The messages are the workflow's or judge's own.",
    evidence: alike.slice(0, SHOWN).map((
      { stage, error, count, episode },
    ): Evidence => ({
      text: `${counted(count)} times in ${stage}: ${error}`,
      ...lastToken(rows, Number(episode)),
    })),
  };
}

function listOf(kinds: readonly Readonly<Record<string, unknown>>[]): string {
  if (kinds.length === 0) return "No call branched.";
  return kinds.map(({ kind, count }) => `${counted(count)} × ${kind}`).join(
    ", ",
  ) + ".";
}
