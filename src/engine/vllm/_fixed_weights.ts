import {
  checkNoAdapter,
  type Lease,
  type ServedWeights,
} from "./_served_weights.ts";

/** The weights that the servers were started with. */
export class FixedWeights implements ServedWeights {
  readonly isLostOnRestart = false;
  readonly sink: undefined = undefined;
  readonly #lease: Lease;

  constructor(model: string, readonly version: number) {
    this.#lease = { model, version, release() {} };
  }

  lease(adapter: string | null): Lease {
    checkNoAdapter(adapter);
    return this.#lease;
  }

  async restore(): Promise<void> {}

  async retire(): Promise<void> {}
}
