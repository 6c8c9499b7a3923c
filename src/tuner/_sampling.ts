import type { Sampling } from "../engine/mod.ts";

/** Where the parts of a call's sampling come from, the strongest first. */
export interface SamplingSources {
  /** Overrides everything, as in an evaluation at temperature 0. */
  readonly force: Partial<Sampling>;
  /** What the request says. */
  readonly asked: Partial<Sampling>;
  /** The episode's own. */
  readonly defaults: Partial<Omit<Sampling, "seed">>;
}

/** What a call is sampled with where nobody says otherwise: the policy itself. */
const POLICY = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/**
 * Sampling of one call.
 *
 * @param limits Tokens that the context has room for, ids that end a turn, and the call's own seed.
 */
export function callSampling(
  sources: SamplingSources,
  limits: {
    readonly room: number;
    readonly eosIds: readonly number[];
    readonly seed: number;
  },
): Sampling {
  const { room, eosIds, seed } = limits;
  const { defaults, asked, force } = sources;
  const chosen = {
    ...POLICY,
    maxTokens: room,
    stopTokens: [],
    ...defaults,
    seed,
    ...asked,
    ...force,
  };
  return {
    ...chosen,
    maxTokens: Math.min(chosen.maxTokens, room),
    stopTokens: [...new Set([...eosIds, ...chosen.stopTokens])],
  };
}
