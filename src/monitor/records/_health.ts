import type { DatabaseSync, SQLInputValue, SQLOutputValue } from "node:sqlite";
import { CHECKS } from "./_health_checks.ts";

/** Where a finding can be seen. */
export interface Evidence {
  readonly text: string;
  /** Number of an episode. */
  readonly episode?: number;
  /** Number of a call within it. */
  readonly call?: number;
  /** Token of that call, counted from its first sampled one. */
  readonly token?: number;
}

/** Something that is wrong with a run, or that was looked at and is right. */
export interface Finding {
  /** Names the check. */
  readonly check: string;
  readonly severity: "good" | "note" | "warning" | "bad";
  /** What was found, in a few words. */
  readonly title: string;
  /** What it means, and what to do. */
  readonly text: string;
  readonly evidence: readonly Evidence[];
}

/** Asks the database, within the steps that are looked at. */
export interface Window {
  /** First step. */
  readonly from: number;
  /** Last step. */
  readonly to: number;
  /** Rows of a query; the marks `:from` and `:to` are the window's. */
  rows(
    sql: string,
    values?: Readonly<Record<string, SQLInputValue>>,
  ): Readonly<Record<string, SQLOutputValue>>[];
}

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
