import type { AdapterSwitch } from "../engine/mod.ts";
import { ModelError } from "../errors.ts";
import {
  type AdapterConfig,
  adapterScale,
  loadAdapter,
  type ModelConfig,
} from "../model/mod.ts";
import type { AdapterHost } from "../tuner/mod.ts";

/** What the adapters are for. */
export interface AdapterShelfOptions {
  readonly adapters: AdapterSwitch;
  readonly model: ModelConfig;
  /** The shape that the GPU has room for. */
  readonly shape: AdapterConfig;
}

/** Adapters of one shape, read from folders. */
export class AdapterShelf implements AdapterHost {
  readonly loaded = new Map<string, string>();
  readonly #options: AdapterShelfOptions;

  constructor(options: AdapterShelfOptions) {
    this.#options = options;
  }

  engineOf(name: string): ReturnType<AdapterSwitch["engineOf"]> {
    return this.#options.adapters.engineOf(name);
  }

  async load(name: string, folder: string): Promise<void> {
    const { adapters, model, shape } = this.#options;
    const { config, tensors } = await loadAdapter(folder, model);
    const [has, served] = [config, shape].map(shapeText);
    if (has !== served) {
      throw new ModelError(
        `${folder} is an adapter of ${has}, and this server has ${served}: start it with the same train.lora`,
      );
    }
    adapters.add(name, tensors);
    this.loaded.set(name, folder);
  }

  unload(name: string): void {
    this.#options.adapters.remove(name);
    this.loaded.delete(name);
  }
}

function shapeText(config: AdapterConfig): string {
  return `rank ${config.rank} and scale ${adapterScale(config)} over ${
    [...config.targets].sort().join(", ")
  }${
    config.modules
      ? `, with ${config.tied ? "one table of " : ""}${
        config.modules.join(", ")
      } whole`
      : ""
  }`;
}
