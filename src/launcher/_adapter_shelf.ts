import { type AdapterSlots, type Engine, withAdapter } from "../engine/mod.ts";
import {
  type AdapterConfig,
  loadAdapter,
  type ModelConfig,
} from "../model/mod.ts";
import type { AdapterHost } from "../tuner/mod.ts";
import { checkShape } from "./_adapter_shape.ts";

/** What the adapters are for. */
export interface AdapterShelfOptions {
  readonly engine: Engine;
  /** Where they stand on its GPU. */
  readonly slots: AdapterSlots;
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

  engineOf(name: string): Engine | undefined {
    if (!this.loaded.has(name)) return undefined;
    return withAdapter(this.#options.engine, name);
  }

  async load(name: string, folder: string): Promise<void> {
    const { slots, model, shape } = this.#options;
    const { config, tensors } = await loadAdapter(folder, model);
    checkShape(config, {
      folder,
      room: shape,
      whose: "this server",
      remedy: "start it with the same train.lora",
    });
    await slots.add(name, tensors);
    this.loaded.set(name, folder);
  }

  async unload(name: string): Promise<void> {
    this.loaded.delete(name);
    await this.#options.slots.remove(name);
  }
}
