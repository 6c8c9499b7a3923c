import { type AdapterSlots, type Engine, withAdapter } from "../engine/mod.ts";
import {
  type AdapterConfig,
  loadAdapter,
  type ModelConfig,
  widenAdapter,
} from "../model/mod.ts";
import type { AdapterHost } from "../tuner/mod.ts";
import { otherShape } from "./_adapter_shape.ts";

/** What the adapters are for. */
export interface AdapterShelfOptions {
  readonly engine: Engine;
  /** Where they stand on its GPU. */
  readonly slots: AdapterSlots;
  readonly model: ModelConfig;
  /** The largest shape that the GPU has room for. */
  readonly shape: AdapterConfig;
}

/** Adapters read from folders, none larger than one shape. */
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
    const adapter = await loadAdapter(folder, model);
    const tensors = widenAdapter(adapter, { room: shape, model });
    if (tensors === undefined) {
      throw otherShape(adapter.config, {
        folder,
        room: shape,
        whose: "this server",
        remedy:
          "start it with a train.lora of at least that rank and those targets, and the same modules_to_save",
      });
    }
    await slots.add(name, tensors);
    this.loaded.set(name, folder);
  }

  async unload(name: string): Promise<void> {
    this.loaded.delete(name);
    await this.#options.slots.remove(name);
  }
}
