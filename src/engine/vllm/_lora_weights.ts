import { join } from "node:path";
import { EngineError } from "../../errors.ts";
import { DEFAULT_ADAPTER } from "../../nn/mod.ts";
import type { WeightSink } from "../weight_sink.ts";
import { persist, type Persistence } from "./_persist.ts";
import {
  type Lease,
  noAdapter,
  type PathMapping,
  type ServedWeights,
  serverPath,
} from "./_served_weights.ts";
import type { Server } from "./_server.ts";
import { ServerError } from "./_server_error.ts";

/** How adapters are kept. */
export interface LoraWeightsOptions {
  readonly servers: readonly Server[];
  /** The model that the adapters adapt. */
  readonly base: string;
  /** Agents that have an adapter of their own, in the folder of their name in the published one. */
  readonly agents: readonly string[];
  /** Version of the base model, served until the first adapter is published. */
  readonly version: number;
  /** Older versions that stay loaded beside the newest. */
  readonly staleness: number;
  readonly paths: PathMapping | undefined;
  /** Begins the adapters' names: no two runs may share one, since servers cache by name. */
  readonly prefix: string;
  /** Of publishing. */
  readonly persistence: Persistence;
}

/** A version of the policy: the adapter that agents share, and those of single agents. */
interface Version {
  readonly version: number;
  /** Undefined for the base model. */
  readonly folder?: string;
  /** What the servers call each adapter, by the name that it has here. */
  readonly names: ReadonlyMap<string, string>;
  /** What is loaded for it. */
  readonly adapters: readonly Adapter[];
  /** Generations that use it. */
  leases: number;
}

/** An adapter, in the servers' words. */
interface Adapter {
  readonly name: string;
  readonly path: string;
}

/** Reading an adapter from a disk that is far away takes its time. */
const LOAD_MS = 300_000;

/**
 * LoRA adapters: one for each policy version, and one more for each agent that has its own.
 *
 * A name is never loaded twice: vLLM would go on with the keys and values that it has cached under it.
 * A version is served once every server has all of its adapters. It stays until no generation uses it and `staleness`
 * newer ones are there beside the newest, and goes as a whole.
 */
export class LoraWeights implements ServedWeights, WeightSink {
  readonly kind = "lora";
  readonly isLostOnRestart = false;
  readonly #options: LoraWeightsOptions;
  /** Those that are served, the newest last; the base model is the first until it is too old. */
  readonly #versions: Version[];
  /** Adapters of a version that was not published, of which some may be loaded. */
  #unpublished: readonly Adapter[] = [];

  constructor(options: LoraWeightsOptions) {
    const { base, version, agents } = options;
    this.#options = options;
    const names = new Map([DEFAULT_ADAPTER, ...agents].map((of) => [of, base]));
    this.#versions = [{ version, names, adapters: [], leases: 0 }];
  }

  get sink(): WeightSink {
    return this;
  }

  get version(): number {
    return this.#versions.at(-1)!.version;
  }

  get folders(): readonly string[] {
    return this.#versions.flatMap(({ folder }) => folder ?? []);
  }

  lease(adapter: string | null): Lease {
    const version = this.#versions.at(-1)!;
    const model = version.names.get(adapter!);
    if (model === undefined) throw noAdapter(adapter);
    version.leases++;
    return {
      model,
      version: version.version,
      release: () => {
        version.leases--;
        void this.#removeOld();
      },
    };
  }

  async publish(folder: string, version: number): Promise<void> {
    const { servers, persistence } = this.#options;
    if (version <= this.version) {
      throw new EngineError(
        `Cannot publish policy version ${version}: version ${this.version} is served already`,
      );
    }
    const found = this.#versionIn(folder, version);
    this.#unpublished = found.adapters;
    await Promise.all(
      servers.map((server) =>
        persist(server, () => load(server, found.adapters), persistence)
      ),
    );
    this.#unpublished = [];
    this.#versions.push(found);
    await this.#removeOld();
  }

  async restore(server: Server): Promise<void> {
    await load(server, this.#versions.flatMap(({ adapters }) => adapters));
  }

  async retire(): Promise<void> {
    await this.#unload([
      ...this.#versions.flatMap(({ adapters }) => adapters),
      ...this.#unpublished,
    ]);
  }

  #versionIn(folder: string, version: number): Version {
    const { agents, prefix, paths } = this.#options;
    const name = `${prefix}-v${version}`;
    const shared = { name, path: serverPath(folder, paths) };
    const own = agents.map((agent) => ({
      name: `${name}-${agent}`,
      path: serverPath(join(folder, agent), paths),
    }));
    return {
      version,
      folder,
      names: new Map([
        [DEFAULT_ADAPTER, name],
        ...agents.map((agent, at) => [agent, own[at]!.name] as const),
      ]),
      adapters: [shared, ...own],
      leases: 0,
    };
  }

  async #removeOld(): Promise<void> {
    const { staleness } = this.#options;
    const old = this.#versions.slice(0, -1 - staleness)
      .filter(({ leases }) => leases === 0);
    for (const version of old) {
      this.#versions.splice(this.#versions.indexOf(version), 1);
    }
    await this.#unload(old.flatMap(({ adapters }) => adapters));
  }

  /** A server that cannot be reached now has forgotten the adapters when it comes back. */
  async #unload(adapters: readonly Adapter[]): Promise<void> {
    const { servers } = this.#options;
    await Promise.allSettled(
      servers.flatMap((server) =>
        adapters.map(({ name }) =>
          server.text("/v1/unload_lora_adapter", { body: { lora_name: name } })
        )
      ),
    );
  }
}

/** Loads the adapters that are not there: the answer to an earlier request may have been lost. */
async function load(
  server: Server,
  adapters: readonly Adapter[],
): Promise<void> {
  if (adapters.length === 0) return;
  const before = await loadedNames(server);
  const missing = adapters.filter(({ name }) => !before.has(name));
  if (missing.length === 0) return;
  for (const adapter of missing) await loadOne(server, adapter);
  const after = await loadedNames(server);
  const lost = missing.find(({ name }) => !after.has(name));
  if (lost === undefined) return;
  throw server.error(
    "broken",
    `does not list adapter ${lost.name} after it was loaded`,
  );
}

async function loadOne(
  server: Server,
  { name, path }: Adapter,
): Promise<void> {
  const body = { lora_name: name, lora_path: path };
  try {
    await server.text("/v1/load_lora_adapter", { body, timeoutMs: LOAD_MS });
  } catch (error) {
    if (!(error instanceof ServerError) || error.isMomentary) throw error;
    throw new ServerError(
      error.failure,
      `${error.message}; the server must see the folder ${path} (engine.paths), and be started with --enable-lora and a --max-lora-rank that is large enough`,
      { cause: error },
    );
  }
}

async function loadedNames(server: Server): Promise<ReadonlySet<string>> {
  const list = await server.json("/v1/models") as {
    readonly data?: readonly { readonly id: string }[];
  };
  return new Set((list.data ?? []).map(({ id }) => id));
}
