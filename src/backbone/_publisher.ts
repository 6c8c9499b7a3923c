import { join } from "node:path";
import type { WeightSink } from "../engine/mod.ts";
import { EngineError, UserError } from "../errors.ts";
import { type AdapterConfig, saveModelFolder } from "../model/mod.ts";
import { explainWrite } from "../monitor/mod.ts";
import type { Policy } from "../nn/mod.ts";
import { saveAdapters } from "./save_adapters.ts";

/** What is published, and how. */
export interface PublisherOptions {
  readonly policy: Policy;
  /** Shape of the adapters that are trained; absent where the weights themselves are. */
  readonly adapter: AdapterConfig | undefined;
  /** Model folder whose configuration and tokenizer are carried over. */
  readonly model: string;
  /** Where the folders go; what an earlier life of the run left there is removed. */
  readonly root: string;
  readonly sink: WeightSink;
}

/** Has an engine in another process serve a policy, by a folder for each version. */
export class Publisher {
  readonly #options: PublisherOptions;
  /** No two lives of a run share a folder: a server may have kept what it read. */
  readonly #life = crypto.randomUUID().slice(0, 8);
  #published: number | undefined;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /**
   * Publishes the policy's weights as they now are, under its version.
   *
   * @throws {UserError} If they cannot be written, or a server does not serve them.
   */
  async publish(): Promise<void> {
    const { policy, adapter, model, root, sink } = this.#options;
    const { version } = policy;
    // A step that had nothing to learn from leaves the policy as it is.
    if (version === this.#published) return;
    const name = `${this.#life}-v${String(version).padStart(6, "0")}`;
    const folder = join(root, name);
    await explainWrite(folder, async () => {
      await Deno.mkdir(root, { recursive: true });
      await (adapter
        ? saveAdapters(folder, { policy, config: adapter })
        : saveModelFolder(folder, {
          source: model,
          tensors: await policy.weights(),
        }));
    });
    try {
      await sink.publish(folder, version);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw new UserError(
        `Policy version ${version} is not served: ${error.message}`,
        { cause: error },
      );
    }
    this.#published = version;
    await this.#removeOld();
  }

  async #removeOld(): Promise<void> {
    const { root, sink } = this.#options;
    const needed = new Set(sink.folders);
    for await (const { name } of Deno.readDir(root)) {
      const folder = join(root, name);
      if (!needed.has(folder)) await Deno.remove(folder, { recursive: true });
    }
  }
}
