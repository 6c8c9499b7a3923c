import { EngineError } from "../../errors.ts";
import type { WeightSink } from "../weight_sink.ts";
import type { Gate } from "./_gate.ts";
import { persist, type Persistence } from "./_persist.ts";
import {
  checkNoAdapter,
  type Lease,
  type PathMapping,
  type ServedWeights,
  serverPath,
} from "./_served_weights.ts";
import type { Server } from "./_server.ts";
import { ServerError } from "./_server_error.ts";

/** How whole models are published. */
export interface FullWeightsOptions {
  readonly servers: readonly Server[];
  /** What requests send as `model`. */
  readonly model: string;
  /** Version of the weights that the servers were started with. */
  readonly version: number;
  readonly paths: PathMapping | undefined;
  /** Closed while weights are exchanged: no generation may see two versions. */
  readonly gate: Gate;
  /** Of publishing. */
  readonly persistence: Persistence;
}

/** Reading a whole model takes its time. */
const LOAD_MS = 1_800_000;

/**
 * Whole models, read by the servers from a folder; a folder is never published twice.
 *
 * vLLM 0.32 on CPUs packs the output head's weights as it starts and, where they are tied to the embedding, does not
 * pack those that it reloads: it goes on with the old head, which the probe finds out.
 */
export class FullWeights implements ServedWeights, WeightSink {
  readonly kind = "full";
  readonly #options: FullWeightsOptions;
  readonly #published = new Set<string>();
  #version: number;
  /** As the servers call it; undefined while they serve what they were started with. */
  #path: string | undefined;

  constructor(options: FullWeightsOptions) {
    this.#options = options;
    this.#version = options.version;
  }

  get sink(): WeightSink {
    return this;
  }

  get isLostOnRestart(): boolean {
    return this.#path !== undefined;
  }

  get version(): number {
    return this.#version;
  }

  get folders(): readonly string[] {
    return [...this.#published].slice(-1);
  }

  lease(adapter: string | null): Lease {
    checkNoAdapter(adapter);
    return { model: this.#options.model, version: this.#version, release() {} };
  }

  async publish(folder: string, version: number): Promise<void> {
    const { servers, gate, paths, persistence } = this.#options;
    if (version <= this.#version || this.#published.has(folder)) {
      throw new EngineError(
        `Cannot publish ${folder} as policy version ${version}: each version is larger than the ` +
          `one before (${this.#version}), and has a folder of its own`,
      );
    }
    this.#published.add(folder);
    await gate.close();
    try {
      this.#path = serverPath(folder, paths);
      this.#version = version;
      await Promise.all(
        servers.map((server) =>
          persist(server, () => this.#load(server), persistence)
        ),
      );
    } finally {
      gate.open();
    }
  }

  async restore(
    server: Server,
    { restarted }: { readonly restarted: boolean },
  ): Promise<void> {
    if (restarted) await this.#load(server);
  }

  async retire(): Promise<void> {}

  async #load(server: Server): Promise<void> {
    const path = this.#path;
    if (path === undefined) return;
    const body = { method: "reload_weights", kwargs: { weights_path: path } };
    try {
      await server.text("/collective_rpc", { body, timeoutMs: LOAD_MS });
    } catch (error) {
      if (!(error instanceof ServerError) || error.isMomentary) throw error;
      throw new ServerError(
        error.failure,
        `${error.message}; the server must see the folder ${path} (engine.paths)`,
        { cause: error },
      );
    }
    await server.text("/reset_prefix_cache", { method: "POST" });
  }
}
