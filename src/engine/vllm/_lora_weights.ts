import { EngineError } from "../../errors.ts";
import type { WeightSink } from "../weight_sink.ts";
import { persist, type Persistence } from "./_persist.ts";
import {
  type Lease,
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

interface Adapter {
  readonly version: number;
  readonly name: string;
  /** Undefined for the base model. */
  readonly folder?: string;
  /** As the servers call it. */
  readonly path: string;
  /** Generations that use it. */
  leases: number;
}

/** Reading an adapter from a disk that is far away takes its time. */
const LOAD_MS = 300_000;

/**
 * LoRA adapters, one name for each policy version.
 *
 * A name is never loaded twice: vLLM would go on with the keys and values that it has cached under it.
 * A version stays until no generation uses it and `staleness` newer ones are there beside the newest.
 */
export class LoraWeights implements ServedWeights, WeightSink {
  readonly kind = "lora";
  readonly isLostOnRestart = false;
  readonly #options: LoraWeightsOptions;
  /** Those that are loaded, the newest last; the base model is the first until it is too old. */
  readonly #adapters: Adapter[];

  constructor(options: LoraWeightsOptions) {
    const { base, version } = options;
    this.#options = options;
    this.#adapters = [{ version, name: base, path: "", leases: 0 }];
  }

  get sink(): WeightSink {
    return this;
  }

  get version(): number {
    return this.#adapters.at(-1)!.version;
  }

  get folders(): readonly string[] {
    return this.#published().map(({ folder }) => folder!);
  }

  lease(): Lease {
    const adapter = this.#adapters.at(-1)!;
    adapter.leases++;
    return {
      model: adapter.name,
      version: adapter.version,
      release: () => {
        adapter.leases--;
        void this.#removeOld();
      },
    };
  }

  async publish(folder: string, version: number): Promise<void> {
    const { servers, prefix, paths, persistence } = this.#options;
    if (version <= this.version) {
      throw new EngineError(
        `Cannot publish policy version ${version}: version ${this.version} is served already`,
      );
    }
    const adapter = {
      version,
      name: `${prefix}-v${version}`,
      folder,
      path: serverPath(folder, paths),
      leases: 0,
    };
    await Promise.all(
      servers.map((server) =>
        persist(server, () => load(server, adapter), persistence)
      ),
    );
    this.#adapters.push(adapter);
    await this.#removeOld();
  }

  async restore(server: Server): Promise<void> {
    for (const adapter of this.#published()) await load(server, adapter);
  }

  async retire(): Promise<void> {
    const adapters = this.#published();
    await Promise.all(adapters.map((adapter) => this.#unload(adapter)));
  }

  #published(): Adapter[] {
    return this.#adapters.filter(isPublished);
  }

  async #removeOld(): Promise<void> {
    const { staleness } = this.#options;
    const old = this.#adapters.slice(0, -1 - staleness)
      .filter(({ leases }) => leases === 0);
    for (const adapter of old) {
      this.#adapters.splice(this.#adapters.indexOf(adapter), 1);
    }
    await Promise.all(
      old.filter(isPublished).map((adapter) => this.#unload(adapter)),
    );
  }

  /** A server that cannot be reached now has forgotten the adapter when it comes back. */
  async #unload({ name }: Adapter): Promise<void> {
    const { servers } = this.#options;
    await Promise.allSettled(
      servers.map((server) =>
        server.text("/v1/unload_lora_adapter", { body: { lora_name: name } })
      ),
    );
  }
}

function isPublished({ folder }: Adapter): boolean {
  return folder !== undefined;
}

/** Loads an adapter that is not there: the answer to an earlier request may have been lost. */
async function load(server: Server, { name, path }: Adapter): Promise<void> {
  if ((await loadedNames(server)).has(name)) return;
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
  if ((await loadedNames(server)).has(name)) return;
  throw server.error(
    "broken",
    `does not list adapter ${name} after it was loaded`,
  );
}

async function loadedNames(server: Server): Promise<ReadonlySet<string>> {
  const list = await server.json("/v1/models") as {
    readonly data?: readonly { readonly id: string }[];
  };
  return new Set((list.data ?? []).map(({ id }) => id));
}
