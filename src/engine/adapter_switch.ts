import type { HostTensor, Policy } from "../nn/mod.ts";
import { EngineError } from "../errors.ts";
import type { Engine, GenerateRequest, Generation } from "./engine.ts";

/** What an `AdapterSwitch` switches. */
export interface AdapterSwitchOptions {
  /** Opened with an adapter; its tensors are exchanged. */
  readonly policy: Policy;
  /** Serves the policy. */
  readonly engine: Engine;
  /** Name of what is served at first. */
  readonly name: string;
}

/** Somebody who waits until an adapter is in place. */
interface Waiting {
  readonly name: string;
  readonly enter: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * Several adapters over one model, of which the GPU holds one at a time.
 *
 * Requests come in in the order in which they were made: those for the adapter in place side by side,
 * the first one for another when all before it are done, so that no generation sees two adapters.
 */
export class AdapterSwitch {
  readonly #options: AdapterSwitchOptions;
  /** Undefined for what is served at first, until it is replaced. */
  readonly #tensors = new Map<string, readonly HostTensor[] | undefined>();
  readonly #waiting: Waiting[] = [];
  #current: string;
  #inside = 0;
  #isSwitching = false;

  constructor(options: AdapterSwitchOptions) {
    this.#options = options;
    this.#current = options.name;
    this.#tensors.set(options.name, undefined);
  }

  /** Adds an adapter, of the shape that the policy was opened with. */
  add(name: string, tensors: readonly HostTensor[]): void {
    this.#tensors.set(name, tensors);
  }

  /** Forgets an adapter; requests for it that wait fail. */
  remove(name: string): void {
    this.#tensors.delete(name);
  }

  /** The engine as it is with an adapter in place; undefined for a name that was not added. */
  engineOf(name: string): Engine | undefined {
    if (!this.#tensors.has(name)) return undefined;
    const { engine } = this.#options;
    return {
      get info() {
        return engine.info;
      },
      generate: (request: GenerateRequest): Promise<Generation> =>
        this.#with(name, () => engine.generate(request)),
      score: (sequences: readonly (readonly number[])[]) =>
        this.#with(name, () => engine.score(sequences)),
      health: () => engine.health(),
      [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
    };
  }

  async #with<T>(name: string, run: () => Promise<T>): Promise<T> {
    const { promise, resolve: enter, reject: fail } = Promise.withResolvers<
      void
    >();
    this.#waiting.push({ name, enter, fail });
    void this.#admit();
    await promise;
    try {
      return await run();
    } finally {
      this.#inside--;
      void this.#admit();
    }
  }

  async #admit(): Promise<void> {
    while (!this.#isSwitching && this.#waiting.length > 0) {
      const [first] = this.#waiting;
      if (first!.name === this.#current) {
        this.#waiting.shift();
        this.#inside++;
        first!.enter();
        continue;
      }
      if (this.#inside > 0) return;
      this.#isSwitching = true;
      try {
        await this.#switchTo(first!.name);
      } catch (error) {
        this.#waiting.shift();
        first!.fail(error);
      } finally {
        this.#isSwitching = false;
      }
    }
  }

  async #switchTo(name: string): Promise<void> {
    const { policy, engine, name: first } = this.#options;
    // What is served at first is read when it has to give way; it is never removed.
    if (this.#current === first && this.#tensors.get(first) === undefined) {
      this.#tensors.set(first, await policy.weights());
    }
    const tensors = this.#tensors.get(name);
    if (tensors === undefined) {
      throw new EngineError(`Adapter ${name} was unloaded`);
    }
    await policy.loadWeights(tensors);
    await policy.sync(engine.info.policyVersion + 1);
    this.#current = name;
  }
}
