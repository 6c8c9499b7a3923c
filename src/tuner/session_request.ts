/** One request of an episode and the time it took, for people to read. */
export interface SessionRequest {
  /** Who asked. */
  readonly agent: string;
  /** When it came in, in milliseconds of the gateway's clock. */
  readonly began: number;
  /** When it was answered. */
  readonly ended: number;
  /** The completion's id, of which its calls' ids are made; absent where the request failed. */
  readonly id?: string;
  /** Tokens of the prompt; absent where the request failed. */
  readonly promptTokens?: number;
  /** Tokens sampled in all replies; absent where the request failed. */
  readonly sampledTokens?: number;
  /** Why it failed. */
  readonly error?: string;
}
