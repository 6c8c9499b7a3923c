import type { Evaluation, StepRecord } from "../events.ts";
import type { GroupRows } from "./_group_rows.ts";
import type { RecordTablesOptions } from "./_record_tables.ts";

/** Messages to the records' Worker; each is answered, but for a group. */
export type Command =
  | {
    readonly kind: "open";
    readonly directory: string;
    readonly options: RecordTablesOptions;
  }
  /** A group of a batch, held until that is written. */
  | {
    readonly kind: "group";
    /** Number of the batch, from 1. */
    readonly batch: number;
    readonly rows: GroupRows;
  }
  | {
    readonly kind: "batch";
    readonly batch: number;
    readonly step: number;
  }
  | { readonly kind: "step"; readonly record: StepRecord }
  | { readonly kind: "evaluation"; readonly evaluation: Evaluation }
  | { readonly kind: "cut"; readonly step: number }
  | { readonly kind: "close" };

/** Messages from the Worker. */
export type Report =
  | {
    readonly kind: "done";
    /** How long it was at work on it. */
    readonly seconds: number;
  }
  /** Somebody's mistake, or a full disk. */
  | { readonly kind: "refused"; readonly message: string };
