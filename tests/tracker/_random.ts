import type { Call } from "../../src/tracker/mod.ts";

/** A seeded stream of uniform numbers in [0, 1) (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The items in another order. */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const result = [...items];
  for (let at = result.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [result[at], result[other]] = [result[other]!, result[at]!];
  }
  return result;
}

/**
 * The calls of a random episode over a tiny vocabulary, so that continued, branching, repeated and
 * untrainable calls all come up often.
 */
export function randomCalls(random: () => number): Call[] {
  const whole = (below: number) => Math.floor(random() * below);
  const tokens = (from: number, to: number) =>
    Array.from({ length: from + whole(to - from + 1) }, () => whole(3));
  const calls: Call[] = [];
  const count = 1 + whole(6);
  while (calls.length < count) {
    const base = calls.length > 0 && random() < 0.7
      ? calls[whole(calls.length)]
      : undefined;
    const history = base === undefined
      ? []
      : random() < 0.7
      ? [...base.prompt, ...base.tokens]
      : [...base.prompt];
    const prompt = base !== undefined && history.length === base.prompt.length
      ? history
      : [...history, ...tokens(1, 3)];
    const sampled = tokens(1, 4);
    calls.push({
      id: `call ${calls.length}`,
      agent: random() < 0.7 ? "default" : "critic",
      prompt,
      tokens: sampled,
      logprobs: sampled.map(() => -Math.fround(random() * 3)),
      temperature: random() < 0.8 ? 1 : 0.5,
      finishReason: "stop",
      policyVersion: 0,
      ...(random() < 0.15 && { untrainable: "the gateway says so" }),
    });
  }
  return calls;
}
