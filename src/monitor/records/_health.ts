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
  const { step } = database.prepare("SELECT max(step) step FROM steps").get()!;
  const to = Number(step ?? 0);
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
