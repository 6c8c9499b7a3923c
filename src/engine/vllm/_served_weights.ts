import { EngineError } from "../../errors.ts";
import { DEFAULT_ADAPTER } from "../../nn/mod.ts";
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
  /**
   * Takes the newest version into use.
   *
   * @param adapter The one of its adapters to sample from.
   * @throws {EngineError} If there is none of that name.
   */
  lease(adapter: string | null): Lease;
  /** Makes a server, which may have been started again, serve what it is expected to. */
  restore(
    server: Server,
    options: { readonly restarted: boolean },
  ): Promise<void>;
  /** Takes back what was loaded into the servers. */
  retire(): Promise<void>;
}

/** @throws {EngineError} If an adapter is asked for where the servers serve one model. */
export function checkNoAdapter(adapter: string | null): void {
  if (adapter !== DEFAULT_ADAPTER) throw noAdapter(adapter);
}

/** What is said of an adapter that the servers are not to serve. */
export function noAdapter(adapter: string | null): EngineError {
  return new EngineError(
    adapter === null
      ? "vLLM does not serve the model without its adapter"
      : `vLLM serves no adapter ${JSON.stringify(adapter)}`,
  );
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
