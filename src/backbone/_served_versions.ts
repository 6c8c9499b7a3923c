import type { Group } from "../rollout/mod.ts";
import type { Recorded } from "../tracker/mod.ts";

/** How many versions behind the newest one the weights were that sampled the tokens of a batch. */
export interface Staleness {
  /** Over the sampled tokens that are trained on; 0 where there are none. */
  readonly mean: number;
  /** Largest of them. */
  readonly max: number;
  /** Sampled tokens left out of training since they are older than allowed. */
  readonly tooStale: number;
}

/** The policy versions that a run has served, by which the age of a sample is told. */
export class ServedVersions {
  readonly #versions: number[];

  /** @param version Served at first. */
  constructor(version: number) {
    this.#versions = [version];
  }

  /** Notes that `version` is served from now on; it is at least the one before it. */
  add(version: number): void {
    if (version > this.#versions.at(-1)!) this.#versions.push(version);
  }

  /** Versions served since the one that sampled `call`. */
  ageOf({ policyVersion }: Recorded): number {
    const own = this.#versions.findLastIndex((each) => each <= policyVersion);
    return this.#versions.length - 1 - own;
  }

  /** Measures `groups`, and takes the calls out of training that are older than `most` versions. */
  enforce(groups: readonly Group[], most: number): Staleness {
    let tooStale = 0;
    let tokens = 0;
    let sum = 0;
    let max = 0;
    for (const { tree } of groups.flatMap(({ episodes }) => episodes)) {
      tree.exclude((call) => {
        const age = this.ageOf(call);
        if (age > most) {
          tooStale += call.sampledLength;
          return `sampled ${age} policy versions ago, and rollout.max_staleness is ${most}`;
        }
        tokens += call.sampledLength;
        sum += age * call.sampledLength;
        if (call.sampledLength > 0) max = Math.max(max, age);
        return undefined;
      });
    }
    return { mean: sum / Math.max(1, tokens), max, tooStale };
  }
}
