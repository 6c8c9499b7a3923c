import type { Engine } from "../engine/mod.ts";

/** First tokens of the sequences, and their length at most. */
const STARTS = [1, 2, 3, 4];
const LENGTH = 32;

/**
 * Sequences that the engine samples under an adapter, from one token each: a probe for when no episode has been recorded.
 */
export async function sampleProbe(
  engine: Engine,
  adapter: string,
): Promise<Uint32Array[]> {
  const maxTokens = Math.min(LENGTH, engine.info.maxContext) - 1;
  return await Promise.all(STARTS.map(async (start) => {
    const { tokens } = await engine.generate({
      tokens: [start],
      adapter,
      sampling: { ...SAMPLING, seed: start, maxTokens },
    });
    return Uint32Array.of(start, ...tokens);
  }));
}

const SAMPLING = {
  temperature: 1,
  topK: 0,
  topP: 1,
  minP: 0,
  stopTokens: [],
} as const;
