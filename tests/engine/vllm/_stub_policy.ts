/** Tokens of the stub's vocabulary. */
export const VOCABULARY = 400;

/** A prefix of token ids under some weights, to which tokens can be added. */
export interface Prefix {
  readonly hash: number;
}

/** The empty prefix under the weights named `weights`. */
export function emptyPrefix(weights: string): Prefix {
  let hash = 0x811c9dc5;
  for (const char of weights) hash = mix(hash, char.codePointAt(0)!);
  return { hash };
}

/** The prefix with a token added. */
export function extended({ hash }: Prefix, token: number): Prefix {
  return { hash: mix(hash, token) };
}

/** The stub's logprob of a token after a prefix: a hash, between −8 and −0.01. */
export function stubLogprob({ hash }: Prefix, token: number): number {
  return -(0.01 + mix(mix(hash, token), 7) % 7990 / 1000);
}

/** The token that the stub samples after a prefix, before stop tokens are thought of. */
export function stubToken({ hash }: Prefix, seed: number): number {
  return mix(mix(hash, seed), 11) % VOCABULARY;
}

/** Logprobs of every token given those before it under `weights`; the first is NaN. */
export function stubLogprobs(
  weights: string,
  tokens: readonly number[],
): number[] {
  let prefix = emptyPrefix(weights);
  return tokens.map((token, at) => {
    const logprob = at === 0 ? NaN : stubLogprob(prefix, token);
    prefix = extended(prefix, token);
    return logprob;
  });
}

/** FNV-1a with a finish that spreads the high bits. */
function mix(hash: number, value: number): number {
  let mixed = Math.imul(hash ^ value, 0x01000193) >>> 0;
  mixed = Math.imul(mixed ^ mixed >>> 15, 0x2c1b3c6d) >>> 0;
  return (mixed ^ mixed >>> 13) >>> 0;
}
