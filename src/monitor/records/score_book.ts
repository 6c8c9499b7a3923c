import type { ScoredTerms } from "../../trainer/mod.ts";
import type { CallScores } from "./types.ts";

/** Collects what `update` shows of its terms, by episode and call. */
export class ScoreBook {
  readonly #scores = new Map<string, Map<string, CallScores>>();

  /** Takes the terms of a micro-batch; those of a later epoch replace an earlier one's. */
  add({ batch, logprob, ratio, clipped }: ScoredTerms): void {
    const { terms, calls } = batch;
    for (const { episode, call, from, to } of calls) {
      const reference = terms.referenceLogprob.subarray(from, to);
      let scores = this.#scores.get(episode);
      if (scores === undefined) this.#scores.set(episode, scores = new Map());
      scores.set(call, {
        advantage: terms.advantage.subarray(from, to),
        trainer: logprob.subarray(from, to),
        ...(!Number.isNaN(reference[0]) && { reference }),
        ratio: ratio.subarray(from, to),
        clipped: clipped.subarray(from, to),
      });
    }
  }

  /** The scores of a call; undefined where it was not trained on. */
  find(episode: string, call: string): CallScores | undefined {
    return this.#scores.get(episode)?.get(call);
  }
}
