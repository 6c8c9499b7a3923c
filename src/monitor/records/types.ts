/** What a batch of episodes was run for. */
export type BatchKind = "train" | "sampled" | "greedy";

/** What the trainer knew of a call's sampled tokens, each `[sampledLength]`. */
export interface CallScores {
  /** Zero-mean reward of the episode, as the loss used it. */
  readonly advantage: Float32Array;
  /** Logprob before the update, in nats. */
  readonly trainer: Float32Array;
  /** Logprob under the reference policy, in nats; absent where none was computed. */
  readonly reference?: Float32Array;
  /** New over old probability in the last epoch. */
  readonly ratio: Float32Array;
  /** −1 where the lower bound stopped the gradient in the last epoch, 1 where the upper one did. */
  readonly clipped: Int8Array;
}

/** Finds the scores of a call; undefined where the trainer computed none. */
export type FindScores = (
  episode: string,
  call: string,
) => CallScores | undefined;

/** What stands behind a token id. */
export interface TokenText {
  /** The exact bytes; those of an incomplete character need not be UTF-8. */
  readonly bytes: Uint8Array;
  /** Whether it is a mark of the template rather than text. */
  readonly special: boolean;
}

/** Which steps keep their episodes; metrics are always kept. All do where neither is given. */
export interface Retention {
  /** Those of the last steps, so many. */
  readonly last?: number;
  /** Those of every step that is a multiple of this. */
  readonly every?: number;
}
