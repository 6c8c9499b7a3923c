import type { Engine } from "../engine/mod.ts";

/** What loads adapters for an open gateway, and serves each under a name. */
export interface AdapterHost {
  /** The engine as it is with an adapter in place; undefined for a name that is not loaded. */
  engineOf(name: string): Engine | undefined;
  /** Folder of each adapter by its name. */
  readonly loaded: ReadonlyMap<string, string>;
  /**
   * Loads an adapter's folder.
   *
   * @throws {UserError} If it cannot be used, or has another shape than is served.
   */
  load(name: string, folder: string): Promise<void>;
  /** Forgets an adapter, once the requests for it that are under way have ended. */
  unload(name: string): Promise<void>;
}
