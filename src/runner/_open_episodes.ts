import type { EpisodeError } from "../errors.ts";
import type { OutsidePlay, OutsideWorkflow } from "./_outside_runner.ts";
import type { EpisodeJob } from "./types.ts";

/** An episode that waits for an agent, or has one. */
export interface Offer {
  /** Unguessable. */
  readonly id: string;
  readonly job: EpisodeJob;
  /** Starts its clock. */
  readonly start: () => void;
  /** Ends it with what the agent answered. */
  readonly end: (answer: unknown) => void;
  /** Ends it as failed. */
  readonly abort: (error: EpisodeError) => void;
}

/** The episodes of a run that agents come for. */
export class OpenEpisodes implements OutsideWorkflow {
  readonly rewarding = 'end the episode with it, as in {"reward": 1}';
  readonly #waiting = new Set<Offer>();
  readonly #claimed = new Map<string, Offer>();
  /** Agents that wait for an episode. */
  readonly #claims = new Set<(offer: Offer) => void>();

  /** Offers an episode, and waits for its end. */
  async play(
    job: EpisodeJob,
    { signal, start }: OutsidePlay,
  ): Promise<unknown> {
    const ended = Promise.withResolvers<unknown>();
    const { resolve: end, reject: abort } = ended;
    const offer = { id: crypto.randomUUID(), job, start, end, abort };
    const cancel = () => abort(signal.reason);
    signal.addEventListener("abort", cancel, { once: true });
    if (signal.aborted) cancel();
    const [claim] = this.#claims;
    if (claim === undefined) this.#waiting.add(offer);
    else {
      // Gone from the queue at once: it wakes only later.
      this.#claims.delete(claim);
      claim(this.#give(offer));
    }
    try {
      return await ended.promise;
    } finally {
      signal.removeEventListener("abort", cancel);
      this.#waiting.delete(offer);
      this.#claimed.delete(offer.id);
    }
  }

  /** An episode that was claimed and has not ended. */
  claimed(id: string): Offer | undefined {
    return this.#claimed.get(id);
  }

  /** Takes the next episode; undefined where none comes in time, or the agent is gone. */
  async claim(
    seconds: number,
    signal: AbortSignal,
  ): Promise<Offer | undefined> {
    const [next] = this.#waiting;
    if (next !== undefined) return this.#give(next);
    const { promise, resolve } = Promise.withResolvers<Offer | undefined>();
    const giveUp = () => resolve(undefined);
    const timer = setTimeout(giveUp, seconds * 1000);
    signal.addEventListener("abort", giveUp, { once: true });
    this.#claims.add(resolve);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      this.#claims.delete(resolve);
    }
  }

  #give(offer: Offer): Offer {
    this.#waiting.delete(offer);
    this.#claimed.set(offer.id, offer);
    offer.start();
    return offer;
  }
}
