import type { RunEvent } from "../events.ts";

/** Where a dashboard listens. */
export interface DashboardOptions {
  /** Whoever reaches another address than this machine's own needs a token. @default "127.0.0.1" */
  readonly host?: string;
  /** 0 takes any free port. @default 0 */
  readonly port?: number;
}

/** Messages to the dashboard's Worker. */
export type Command =
  | {
    readonly kind: "start";
    readonly directories: readonly string[];
    readonly options: DashboardOptions;
  }
  | { readonly kind: "show"; readonly event: RunEvent }
  | { readonly kind: "end" };

/** Messages from the Worker. */
export type Report =
  | { readonly kind: "started"; readonly url: string }
  /** The user's mistake that kept it from starting. */
  | { readonly kind: "refused"; readonly message: string }
  | { readonly kind: "ended" };
