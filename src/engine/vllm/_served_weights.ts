import type { WeightSink } from "../weight_sink.ts";
import type { Server } from "./_server.ts";

/** A policy version in use by a generation: the servers keep it until it is released. */
export interface Lease {
  /** What requests send as `model`. */
  readonly model: string;
  readonly version: number;
  release(): void;
}

/** The weights that the servers serve, and what puts them back on a server that was started again. */
export interface ServedWeights {
  /** The newest version. */
  readonly version: number;
  /** Whether a server that is started again serves other weights under the same name. */
  readonly isLostOnRestart: boolean;
  /** Where new weights go; undefined where they stay as they are. */
  readonly sink: WeightSink | undefined;
  /** Takes the newest version into use. */
  lease(): Lease;
  /** Makes a server, which may have been started again, serve what it is expected to. */
  restore(
    server: Server,
    options: { readonly restarted: boolean },
  ): Promise<void>;
  /** Takes back what was loaded into the servers. */
  retire(): Promise<void>;
}

/** A prefix of paths here, and what the server, which may see another mount, calls it. */
export interface PathMapping {
  readonly from: string;
  readonly to: string;
}

/** What a server calls a folder. */
export function serverPath(
  folder: string,
  mapping: PathMapping | undefined,
): string {
  if (mapping === undefined) return folder;
  const from = mapping.from.replace(/\/+$/, "");
  const isWithin = folder === from || folder.startsWith(`${from}/`);
  return isWithin
    ? mapping.to.replace(/\/+$/, "") + folder.slice(from.length)
    : folder;
}
