import type { SQLInputValue, SQLOutputValue } from "node:sqlite";

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

/** Most pieces of evidence for one finding. */
export const SHOWN = 6;

/** A check that found nothing wrong. */
export function good(check: string, title: string, text: string): Finding {
  return { check, severity: "good", title, text, evidence: [] };
}

/** Numbers of a row by their columns; 0 where there is none. */
export function numbers<Name extends string>(
  row: Readonly<Record<string, unknown>> | undefined,
  ...names: Name[]
): Record<Name, number> {
  return Object.fromEntries(
    names.map((name) => [name, Number(row?.[name] ?? 0)]),
  ) as Record<Name, number>;
}

/** A whole number with its thousands apart. */
export function counted(value: unknown): string {
  return Number(value).toLocaleString("en-US");
}

/** A share in percent. */
export function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** A number in three digits. */
export function round(value: unknown): string {
  return String(Number(Number(value).toPrecision(3)));
}
