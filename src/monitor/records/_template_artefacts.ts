import {
  counted,
  type Evidence,
  type Finding,
  SHOWN,
  type Window,
} from "./_finding.ts";
import { unpackIds } from "./_pack.ts";

/** Calls that are looked at: the last ones. */
const CALLS = 2000;

/**
 * Looks for marks of the chat template where the model should have written text: a special token
 * inside a reply, or a reply that ends by itself without one.
 */
export function templateArtefacts({ rows }: Window): Finding {
  const special = new Set(
    rows("SELECT id FROM vocabulary WHERE special = 1").map(({ id }) =>
      Number(id)
    ),
  );
  // The inner query finds the last calls; token arrays are read of those alone.
  const calls = rows(
    `SELECT episode, number, path, sampled, finish FROM calls WHERE id IN (
       SELECT c.id FROM calls c JOIN episodes e ON e.id = c.episode
       WHERE e.kind = 'train' AND e.step BETWEEN :from AND :to AND c.added >= c.sampled
       ORDER BY c.id DESC LIMIT ${CALLS}
     ) ORDER BY id DESC`,
  );
  const inside: Evidence[] = [];
  const unended: Evidence[] = [];
  for (const row of calls) {
    const sampled = Number(row.sampled);
    if (sampled === 0) continue;
    const ids = unpackIds(row.path as Uint8Array).slice(-sampled);
    const place = { episode: Number(row.episode), call: Number(row.number) };
    const at = ids.slice(0, -1).findIndex((id) => special.has(id));
    if (at >= 0) {
      inside.push({
        text: `special token ${ids[at]} inside a reply`,
        ...place,
        token: at,
      });
    }
    if (
      row.finish === "stop" && special.size > 0 && !special.has(ids.at(-1)!)
    ) {
      unended.push({
        text: "ended without an end mark",
        ...place,
        token: sampled - 1,
      });
    }
  }
  const found = inside.length + unended.length;
  if (found === 0) {
    return {
      check: "template",
      severity: "good",
      title: "The chat template leaves no marks",
      text: `${
        counted(calls.length)
      } replies hold text alone, and end with an end mark.`,
      evidence: [],
    };
  }
  return {
    check: "template",
    severity: found > 0.1 * calls.length ? "bad" : "warning",
    title: `${counted(found)} of ${
      counted(calls.length)
    } replies hold template artefacts`,
    text:
      `${counted(inside.length)} have a special token inside, ${
        counted(unended.length)
      } stop without an end mark. ` +
      `The model may have been shown another template than the one it was trained with, or a stop ` +
      `string of the workflow cuts its replies.`,
    evidence: [...inside, ...unended].slice(0, SHOWN),
  };
}
