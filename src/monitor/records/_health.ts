import type { DatabaseSync } from "node:sqlite";
import {
  branches,
  cutEpisodes,
  failures,
  untrainableCalls,
} from "./_episode_checks.ts";
import type { Finding, Window } from "./_finding.ts";
import { entropy, equalGroups, gap, stalePolicy } from "./_policy_checks.ts";
import { templateArtefacts } from "./_template_artefacts.ts";

/** Everything that is looked at. */
const CHECKS: readonly ((window: Window) => Finding)[] = [
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

/** Steps that are looked at: the last ones. */
const STEPS = 20;

/** Looks for what goes wrong silently, in the last steps of a run; the worst first. */
export function readHealth(database: DatabaseSync): Finding[] {
  // A step whose episodes fail is never done, and what it left shows why.
  const last = [
    "SELECT step FROM steps ORDER BY step DESC LIMIT 1",
    "SELECT step FROM episodes WHERE kind = 'train' ORDER BY step DESC LIMIT 1",
  ].map((sql) => Number(database.prepare(sql).get()?.step ?? 0));
  const to = Math.max(...last);
  if (to === 0) return [];
  const from = Math.max(1, to - STEPS + 1);
  const window: Window = {
    from,
    to,
    rows(sql, values = {}) {
      const bounds = {
        ...(sql.includes(":from") && { from }),
        ...(sql.includes(":to") && { to }),
      };
      return database.prepare(sql).all({ ...bounds, ...values });
    },
  };
  const order = ["bad", "warning", "note", "good"];
  return CHECKS.map((check) => check(window)).sort((a, b) =>
    order.indexOf(a.severity) - order.indexOf(b.severity)
  );
}
